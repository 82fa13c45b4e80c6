"""Each error that a public docstring promises under ``Raises:`` has a test that catches it.

Tests say so themselves: ``@pytest.mark.promised("from_spark", "ExchangeError")``. The mark names the function, class or
method, then the errors. ``FrameworkEstimator`` stands for the estimators of all frameworks.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

from support.frameworks import framework_names, public_names

if TYPE_CHECKING:
    from collections.abc import Iterator

TESTS = Path(__file__).parents[1]
PACKAGE = TESTS.parent / "python" / "raydp"

_FRAMEWORK_ESTIMATORS = {
    name for framework in framework_names() for name in public_names(framework) if name.endswith("Estimator")
}
# Public, but not in an ``__all__``: users see them as base class and as result.
_ALSO_PUBLIC = {"Estimator", "FitResult"}


def exported_names() -> set[str]:
    """Return the names in ``__all__`` of all packages and modules that users import."""
    found = set(_ALSO_PUBLIC)
    for path in [*PACKAGE.glob("*.py"), *PACKAGE.glob("[!_]*/__init__.py"), *PACKAGE.glob("spark/*.py")]:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                found.update(ast.literal_eval(node.value))
    return found


def public_definitions() -> Iterator[tuple[str, str]]:
    """Yield name and docstring of each public function, class and method, wherever it is defined."""
    names = exported_names()
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name in names:
                yield node.name, ast.get_docstring(node) or ""
                for part in node.body if isinstance(node, ast.ClassDef) else ():
                    if isinstance(part, ast.FunctionDef) and not part.name.startswith("_"):
                        yield f"{node.name}.{part.name}", ast.get_docstring(part) or ""


def promised_errors(docstring: str) -> set[str]:
    """Return the errors in the section ``Raises:`` of a docstring."""
    section = re.search(r"^Raises:\n((?: {4}.*\n?|\n)*)", docstring, re.MULTILINE)
    return set(re.findall(r"^ {4}(\w+):", section[1], re.MULTILINE)) if section else set()


def marked_tests() -> Iterator[tuple[Path, str, str]]:
    """Yield each file of tests with what its marks name: a function, class or method, and an error of it."""
    for path in sorted(TESTS.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            for mark in node.decorator_list if isinstance(node, ast.FunctionDef) else ():
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.promised":
                    name, *errors = map(ast.literal_eval, mark.args)
                    yield from ((path, name, error) for error in errors)


def test_each_promised_error_has_a_test() -> None:
    promised = {(name, error) for name, text in public_definitions() for error in promised_errors(text)}
    tested = {(one, error) for _, name, error in marked_tests() for one in stands_for(name)}
    untested = promised - tested
    assert untested == set(), "write a test that catches it, with @pytest.mark.promised(name, error)"
    assert tested - promised == set(), "a mark names what no docstring has under Raises"


def stands_for(name: str) -> set[str]:
    """Return the names that a name in a mark stands for."""
    return _FRAMEWORK_ESTIMATORS if name == "FrameworkEstimator" else {name}


def test_marked_tests_know_the_error() -> None:
    wrong = []
    for path, name, error in marked_tests():
        text = re.sub(r"@pytest\.mark\.promised\([^)]*\)", "", path.read_text("utf-8"))
        # A test that looks at the output of a program names the program's file.
        programs = re.findall(r'programs\.(?:run|start)\(\s*"(\w+/\w+)"', text)
        texts = [text, *((TESTS / "programs" / f"{program}.py").read_text("utf-8") for program in programs)]
        if not any(error in one for one in texts):
            wrong.append(f"{path.name}: {name}, {error}")
    assert wrong == []


def test_sections_of_docstrings_are_read() -> None:
    text = "Do.\n\nRaises:\n    AError: If.\n        It is: so.\n    BError: Else.\n\nReturns:\n    CError: No."
    assert promised_errors(text) == {"AError", "BError"}
    assert promised_errors("Do.") == set()
