"""The check of the sources that belong to some versions of Spark only."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_SCRIPT = _ROOT / "ci" / "check-spark-versions.py"
_LINES = ["package io.raydp.exchange", *(f"// line {i}" for i in range(20))]


def check(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, _SCRIPT, folder], capture_output=True, text=True, check=False, timeout=60)


def write(folder: Path, root: str, name: str, lines: list[str]) -> None:
    file = folder / "main" / root / "scala" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines))


def test_the_sources_are_in_order() -> None:
    outcome = check(_ROOT / "jvm" / "src")
    assert outcome.returncode == 0, outcome.stdout


def test_files_that_differ_are_no_fault(tmp_path: Path) -> None:
    write(tmp_path, "spark-since-4.1", "One.scala", _LINES)
    write(tmp_path, "spark-until-4.0", "One.scala", [_LINES[0], *(line + " of another" for line in _LINES[1:])])
    outcome = check(tmp_path)
    assert outcome.returncode == 0, outcome.stdout


def test_a_file_that_is_there_twice_is_a_fault(tmp_path: Path) -> None:
    write(tmp_path, "spark-until-4.0", "One.scala", _LINES)
    write(tmp_path, "", "Other.scala", _LINES)
    outcome = check(tmp_path)
    assert outcome.returncode == 1
    assert "Other.scala" in outcome.stdout and "One.scala are nearly the same" in outcome.stdout, outcome.stdout


def test_a_file_with_one_other_line_is_a_fault(tmp_path: Path) -> None:
    write(tmp_path, "spark-since-4.1", "One.scala", _LINES)
    write(tmp_path, "spark-until-4.0", "One.scala", [*_LINES[:-1], "// another line"])
    outcome = check(tmp_path)
    assert outcome.returncode == 1
    assert "nearly the same" in outcome.stdout, outcome.stdout


def test_a_folder_with_another_name_is_a_fault(tmp_path: Path) -> None:
    write(tmp_path, "spark-4.1", "One.scala", _LINES)
    outcome = check(tmp_path)
    assert outcome.returncode == 1
    assert "spark-4.1: its name must be spark-since-X.Y or spark-until-X.Y" in outcome.stdout, outcome.stdout
