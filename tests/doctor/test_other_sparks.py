"""Which of several jars raydp takes, and what it says if there is none for the installed Spark."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pyspark
import pytest

import raydp
from raydp._machine.installation import pyspark_home
from support import programs
from support.jars import change_manifest

OTHER = "3.9.1"
"""A version of Spark that never existed."""


def doctor(package: Path) -> str:
    """What the doctor of a copy of the package prints."""
    done = subprocess.run(
        [sys.executable, "-m", "raydp", "doctor"],
        env=programs.environment({"PYTHONPATH": str(package.parent)}),
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.stdout


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package whose main jar is for another Spark, and which has no other jar."""
    original = Path(raydp.__file__).parent
    copy = Path(shutil.copytree(original, tmp_path / "raydp", ignore=shutil.ignore_patterns("__pycache__", "jars")))
    (copy / "jars").mkdir()
    change_manifest(original / "jars" / "raydp.jar", copy / "jars" / "raydp.jar", Specification_Version=OTHER)
    return copy


def test_no_jar_for_the_installed_spark(package: Path) -> None:
    shutil.copyfile(package / "jars" / "raydp.jar", package / "jars" / "raydp-spark-3.8_2.13.jar")
    report = doctor(package)
    (line,) = [line for line in report.splitlines() if line.startswith("BROKEN") and "no jar for this version" in line]
    assert f"Found: PySpark {pyspark.__version__}; supported: Spark {OTHER}" in line, line
    assert "pip install 'pyspark==3.9.*'" in line, line


def test_the_jar_for_the_installed_spark_is_taken(package: Path) -> None:
    (core,) = (pyspark_home() / "jars").glob("spark-core_*.jar")
    found = re.fullmatch(r"spark-core_([\d.]+)-(\d+\.\d+)\..*", core.name)
    assert found, core
    jar = package / "jars" / f"raydp-spark-{found[2]}_{found[1]}.jar"
    shutil.copyfile(Path(raydp.__file__).parent / "jars" / "raydp.jar", jar)
    report = doctor(package)
    assert "no jar for this version" not in report, report
    assert str(jar) in report, report
