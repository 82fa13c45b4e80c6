"""The check of the directions of imports on the JVM side."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_SCRIPT = Path(__file__).parents[2] / "ci" / "check-packages.py"


def check(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, _SCRIPT, folder], capture_output=True, text=True, check=False, timeout=60)


def test_no_package_imports_upward() -> None:
    outcome = check(_SCRIPT.parents[1] / "jvm" / "src" / "main")
    assert outcome.returncode == 0, outcome.stdout


@pytest.mark.parametrize(
    ("line", "used"),
    [
        ("import io.raydp.lifecycle.RayApplication", "io.raydp.lifecycle"),
        ("import io.raydp.{configuration, lifecycle => fleet}", "io.raydp.lifecycle"),
        ('val id = io.raydp.process.FolderGuard.start() // "', "io.raydp.process"),
        ("import io.raydp._", "io.raydp._"),
    ],
)
def test_a_reference_upward_is_an_error(tmp_path: Path, line: str, used: str) -> None:
    (tmp_path / "Wrong.scala").write_text(f"package io.raydp.exchange\n\n/* io.raydp.submission */\n{line}\n")
    outcome = check(tmp_path)
    assert outcome.returncode == 1
    assert f"Wrong.scala:4: io.raydp.exchange must not use {used}" in outcome.stdout


def test_a_reference_downward_or_in_a_comment_is_none(tmp_path: Path) -> None:
    text = 'package io.raydp.exchange\nval url = "a//b"; io.raydp.configuration.Spelling // io.raydp.lifecycle\n'
    (tmp_path / "Right.scala").write_text(text)
    outcome = check(tmp_path)
    assert outcome.returncode == 0, outcome.stdout
