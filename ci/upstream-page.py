"""Write the tables of docs/upstream.md from the sources: private uses of Ray and Spark, and what would replace them.

In Python, a function that uses something private has a docstring with "Why:". On the JVM, the comment of the class,
object or method has "Why:", or says what it uses.

    python ci/upstream-page.py           prints the page
    python ci/upstream-page.py --write   replaces it
"""

from __future__ import annotations

import ast
import re
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "upstream.md"
BEGIN = "<!-- The tables below are written by python ci/upstream-page.py --write. -->\n"
PYTHON = {"Ray, from Python": "python/raydp/_ray", "Spark, from Python": "python/raydp/_spark"}
JVM = {
    "Ray, from the JVM": ("jvm/src/main/java/io/raydp/lifecycle/RayInternals.java",),
    "Spark, from the JVM": (
        "jvm/src/main/scala/org/apache/spark/raydp",
        *sorted(
            str(one.relative_to(ROOT)) for one in (ROOT / "jvm/src/main").glob("spark-*/scala/org/apache/spark/raydp")
        ),
        "jvm/src/main/java/io/raydp/exchange/columns/SparkStrings.java",
        "jvm/src/main/java/io/raydp/exchange/columns/SparkVectorInternals.java",
    ),
}
_COMMENT = re.compile(r"/\*\*(.*?)\*/\s*([^\n]*)", re.DOTALL)
_NAME = re.compile(r"\b(?:class|object|trait|def|interface|void|boolean)\s+(\w+)")
_REASON = re.compile(r"\bWhy: |\bUses? |\bWhat it uses |\bAll uses |\bwould replace ")


@dataclass(frozen=True)
class Use:
    """One private use.

    Attributes:
        file: Path below the root of the project.
        name: The function, method or class.
        what: What it does, in a sentence.
        why: What it needs, and what would replace it.
    """

    file: str
    name: str
    what: str
    why: str


def page() -> str:
    """Return the whole page, with the tables as the sources have them."""
    head, mark, _ = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    if not mark:
        raise SystemExit(f"{PAGE} has lost the line that says where its tables begin: {BEGIN.strip()}")
    parts = [head, BEGIN]
    for title, folder in PYTHON.items():
        parts.append(table(title, [use for path in sorted((ROOT / folder).rglob("*.py")) for use in in_python(path)]))
    for title, places in JVM.items():
        files = [file for place in places for file in sources(ROOT / place)]
        parts.append(table(title, [use for path in files for use in in_jvm(path)]))
    return "".join(parts)


def sources(place: Path) -> list[Path]:
    return [place] if place.is_file() else sorted(place.rglob("*.scala"))


def table(title: str, uses: list[Use]) -> str:
    rows = [f"| [`{use.name}`](../{use.file}) | {use.what} | {use.why} |\n" for use in uses]
    return f"\n## {title}\n\n| Where | What it does | Why, and what would replace it |\n|---|---|---|\n{''.join(rows)}"


def in_python(path: Path) -> list[Use]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.ClassDef):
            continue
        text = ast.get_docstring(node) or ""
        if "Why: " in text:
            what, _, why = plain(text.split("\n\nArgs:")[0].split("\n\nReturns:")[0]).partition(" Why: ")
            found.append(Use(str(path.relative_to(ROOT)), node.name, what, sentence(why)))
    return found


def in_jvm(path: Path) -> list[Use]:
    found = []
    for comment in _COMMENT.finditer(path.read_text(encoding="utf-8")):
        text = plain(re.sub(r"(?m)^\s*\* ?", "", comment[1]).split("\n@")[0])
        reason = _REASON.search(text)
        if reason is None or "would replace" not in text:
            continue
        name = _NAME.search(comment[2])
        what, why = text[: reason.start()].strip(), text[reason.start() :].removeprefix("Why: ")
        what = what or "Reads what Spark keeps to itself."
        found.append(Use(str(path.relative_to(ROOT)), name[1] if name else path.stem, what, sentence(why)))
    return found


def sentence(text: str) -> str:
    return text if text.startswith("raydp") else text[0].upper() + text[1:]


def plain(text: str) -> str:
    """Return a comment as one line of Markdown."""
    text = re.sub(r"\{@(?:code|link) ([^}]*)\}|``(.*?)``|:(?:func|meth|mod|class):`~?(.*?)`", _code, text)
    text = re.sub(r"</?(?:p|ul|li)>", " ", re.sub(r"\[\[(\w+)\]\]", r"`\1`", text))
    return re.sub(r"\s+", " ", text).replace("|", "\\|").strip()


def _code(found: re.Match[str]) -> str:
    return f"`{next(filter(None, found.groups()))}`"


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(page(), encoding="utf-8")
    else:
        print(page(), end="")
