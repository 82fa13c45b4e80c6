"""The frameworks of estimators. Each is a package of raydp that has a learner. Reads the sources, imports none."""

from __future__ import annotations

import ast
from pathlib import Path

__all__ = [
    "estimator_decorators",
    "estimator_methods",
    "framework_names",
    "frameworks_with_parameters",
    "public_names",
    "required_modules",
]

_PACKAGE = Path(__file__).parents[2] / "python" / "raydp"


def framework_names() -> list[str]:
    """Return the packages of the frameworks by their names below ``raydp``."""
    return sorted(path.parent.name for path in _PACKAGE.glob("[!_]*/learner.py"))


def frameworks_with_parameters() -> list[str]:
    """Return the frameworks whose estimator takes a mapping of parameters, and no model."""
    return [
        name
        for name in framework_names()
        if "ParameterOf" in (_PACKAGE / name / "hyperparameters.py").read_text(encoding="utf-8")
    ]


def public_names(name: str) -> list[str]:
    """Return ``__all__`` of a framework's package."""
    for node in _parse(name, "__init__.py").body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return list(ast.literal_eval(node.value))
    return []


def estimator_decorators(name: str) -> dict[str, str]:
    """Return the decorators of a framework's estimator: their calls as source, by the names of the functions."""
    calls = [ast.unparse(decorator) for decorator in _estimator_class(name).decorator_list]
    return {call.partition("(")[0]: call for call in calls}


def estimator_methods(name: str) -> list[str]:
    """Return the methods that a framework's estimator defines."""
    return [node.name for node in _estimator_class(name).body if isinstance(node, ast.FunctionDef)]


def required_modules(name: str) -> dict[str, str]:
    """Return the modules that a framework's estimator calls ``require`` with, each with the extra of the call."""
    calls = [node.value for node in _parse(name, "estimator.py").body if isinstance(node, ast.Expr)]
    return {
        ast.literal_eval(call.args[0]): ast.literal_eval(call.keywords[0].value)
        for call in calls
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "require"
    }


def _estimator_class(name: str) -> ast.ClassDef:
    (kind,) = (node for node in _parse(name, "estimator.py").body if isinstance(node, ast.ClassDef))
    return kind


def _parse(name: str, file: str) -> ast.Module:
    return ast.parse((_PACKAGE / name / file).read_text(encoding="utf-8"))
