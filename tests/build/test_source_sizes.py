"""Files stay small enough to be read in one go."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = {".py", ".pyi", ".java", ".scala", ".cc", ".h", ".rs", ".sh", ".gradle"}
LONGEST = 500


def test_no_source_is_longer_than_five_hundred_lines() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [ROOT / name for name in tracked.split("\0") if Path(name).suffix in SOURCES]
    assert len(paths) > 50
    lengths = {path.relative_to(ROOT): len(path.read_text().splitlines()) for path in paths if path.exists()}
    assert {path: length for path, length in lengths.items() if length > LONGEST} == {}


def test_no_two_files_of_tests_have_the_same_name() -> None:
    """One run of pytest cannot collect them both."""
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert len(names) > 50
    assert [name for name, count in names.items() if count > 1] == []
