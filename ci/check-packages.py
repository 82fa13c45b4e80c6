"""Check the direction of the imports between the JVM side's packages.

Reads the sources in jvm/src/main and fails if a package refers to another one that ALLOWED does not list for it, in an
import or by a full name. A package that is missing from ALLOWED is an error too.

    python ci/check-packages.py [FOLDER]
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

# From bottom to top: which packages each package may use. Nothing may use a package above itself.
ALLOWED: dict[str, set[str]] = {
    "io.raydp.configuration": set(),
    "io.raydp.metrics": set(),
    "io.raydp.process": set(),
    "io.raydp.security": set(),
    "org.apache.spark.raydp": {"io.raydp.metrics", "io.raydp.process", "io.raydp.security"},
    "io.raydp.exchange.columns": set(),
    "io.raydp.exchange": {
        "io.raydp.configuration",
        "io.raydp.exchange.columns",
        "io.raydp.security",
        "org.apache.spark.raydp",
    },
    "io.raydp.exchange.connect": {"io.raydp.exchange", "org.apache.spark.raydp"},
    "io.raydp.lifecycle": {
        "io.raydp.configuration",
        "io.raydp.metrics",
        "io.raydp.process",
        "io.raydp.security",
        "org.apache.spark.raydp",
    },
    "io.raydp.submission": {"org.apache.spark.raydp"},
}

_LATER_SCALA = "scala-2.12"
"""A folder that stands for Scala itself: it gives all packages the methods of Scala 2.13."""

# Strings are matched too, because they may contain what looks like a comment.
_STRING_OR_COMMENT = re.compile(r'"""(?:.*?)"""|"(?:\\.|[^"\\\n])*"|/\*.*?\*/|//[^\n]*', re.DOTALL)
_PACKAGE = re.compile(r"^\s*package\s+([\w.]+)", re.MULTILINE)
_REFERENCE = re.compile(r"\b(?:io\.raydp|org\.apache\.spark\.raydp)\b(?:\.\w+)*(?:\.\{[^}]*\})?")


def main(folder: Path) -> int:
    found = (path for path in folder.rglob("*") if path.suffix in {".scala", ".java"})
    sources = sorted(path for path in found if _LATER_SCALA not in path.parts)
    if not sources:
        print(f"There are no sources to check. Folder: {folder}")
        return 1
    faults = [fault for path in sources for fault in check(path)]
    for fault in faults:
        print(fault)
    if faults:
        print(
            f"Move the code, or pass what it needs through an interface. {Path(__file__).name} lists what is allowed."
        )
    return 1 if faults else 0


def check(path: Path) -> list[str]:
    text = _STRING_OR_COMMENT.sub(without_comment, path.read_text(encoding="utf-8"))
    declaration = _PACKAGE.search(text)
    if declaration is None:
        return [f"{path}: it declares no package"]
    package = declaration.group(1)
    if package not in ALLOWED:
        return [f"{path}:{line_of(text, declaration)}: ALLOWED does not list the package {package}"]
    faults = []
    for reference in _REFERENCE.finditer(text, declaration.end()):
        for used in packages_of(reference.group()):
            if used != package and used not in ALLOWED[package]:
                faults.append(f"{path}:{line_of(text, reference)}: {package} must not use {used}")
    return faults


def without_comment(found: re.Match[str]) -> str:
    text = found.group()
    return text if text.startswith('"') else "\n" * text.count("\n")


def packages_of(reference: str) -> list[str]:
    """Return the packages that a reference names, such as ``io.raydp.{exchange, lifecycle}``."""
    prefix, brace, members = reference.partition(".{")
    names = [f"{prefix}.{member.split()[0]}" for member in members.rstrip("}").split(",")] if brace else [prefix]
    return [package_of(name) for name in names]


def package_of(name: str) -> str:
    """Return the longest listed package that a full name starts with, or the whole name."""
    parts = name.split(".")
    prefixes = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((prefix for prefix in prefixes if prefix in ALLOWED), name)


def line_of(text: str, found: re.Match[str]) -> int:
    return text.count("\n", 0, found.start()) + 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "jvm" / "src" / "main"))
