"""docs/upstream.md lists each private use of Ray and Spark."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
_PRIVATE_MODULE = re.compile(r"^\s*(?:from|import) (?:ray|pyspark)\b[\w.]*\._\w", re.MULTILINE)
# They use nothing of Spark that is private beside its logging.
_USE_NOTHING = {"ExecutorProvider.scala", "MessageLengths.scala", "UnauthenticatedClients.scala"}


def page() -> str:
    return (ROOT / "docs" / "upstream.md").read_text(encoding="utf-8")


def test_the_tables_are_those_of_the_sources() -> None:
    script = ROOT / "ci" / "upstream-page.py"
    printed = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True, timeout=60).stdout
    assert page() == printed, "it is stale: run python ci/upstream-page.py --write"


def test_files_that_import_private_modules_are_listed() -> None:
    files = [
        path
        for path in (ROOT / "python" / "raydp").rglob("*.py")
        if _PRIVATE_MODULE.search(path.read_text(encoding="utf-8"))
    ]
    assert files
    assert [path for path in files if f"(../{path.relative_to(ROOT)})" not in page()] == []


def test_files_in_the_package_of_spark_are_listed() -> None:
    files = [
        path
        for path in (ROOT / "jvm" / "src" / "main").rglob("org/apache/spark/raydp/*.scala")
        if "scala-2.12" not in path.parts and path.name not in _USE_NOTHING
    ]
    assert files
    assert [path for path in files if f"(../{path.relative_to(ROOT)})" not in page()] == []
