"""``raydp.attach`` to applications with a jar of another build, and to another Spark: refused before any job."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pyspark
import pytest

import raydp
from raydp._machine.installation import raydp_jar
from raydp._machine.jar_build import build_of_jar
from support import programs

if TYPE_CHECKING:
    from support.programs import Outcome

pytestmark = pytest.mark.cluster

OTHER = "1.9.0+0123456789abcdef"
GOES_ON = "Spark goes on: 3"


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """One program with a part for each test, with a copy of the package."""
    folder = tmp_path_factory.mktemp("builds")
    package = Path(raydp.__file__).parent
    copy = shutil.copytree(package, folder / "copy" / "raydp", ignore=shutil.ignore_patterns("__pycache__"))
    result = programs.run("attach/other_builds", str(folder), env={"PYTHONPATH": str(copy.parent)})
    assert result.code == 0, result.everything
    return result


@pytest.mark.promised("attach", "MissingRequirementError")
def test_a_version_of_spark_that_is_not_supported(outcome: Outcome) -> None:
    error, after = outcome.part("an unsupported Spark").splitlines()
    assert error.startswith("MissingRequirementError: raydp cannot be attached to this version of Spark")
    assert error.endswith(f"Found: Spark {pyspark.__version__}; supported: Spark 4.2"), outcome.everything
    assert after == GOES_ON


def test_a_jar_of_the_same_build(outcome: Outcome) -> None:
    assert outcome.part("the application's own jar") == "rows: 10\n", outcome.everything


@pytest.mark.promised("attach", "MissingRequirementError")
def test_another_build_was_installed_since_the_application_started(outcome: Outcome) -> None:
    error, after, *again = outcome.part("another package").splitlines()
    assert error.startswith("MissingRequirementError: The driver of the Spark application has loaded a jar of another")
    assert "start the Spark application again" in error
    ours = build_of_jar(raydp_jar())
    assert f"Application: raydp {ours}; Python package: raydp {OTHER}, with the jar " in error, outcome.everything
    assert [after, *again] == [GOES_ON, "attached: True", GOES_ON], outcome.everything


def test_executors_that_fetch_another_build(outcome: Outcome) -> None:
    error, after = outcome.part("other executors").splitlines()
    assert error.startswith("MissingRequirementError: Spark's executors fetch, from spark://"), outcome.everything
    assert f"Application: raydp {OTHER}; Python package: raydp {build_of_jar(raydp_jar())}" in error
    assert after == GOES_ON


def test_a_pyspark_that_is_too_old_to_be_imported_with_raydp(tmp_path: Path) -> None:
    (tmp_path / "pyspark").mkdir()
    (tmp_path / "pyspark" / "__init__.py").write_text("__version__ = '3.5.7'\n")
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-c", "import raydp"],
        env=programs.environment({"PYTHONPATH": path}),
        capture_output=True,
        text=True,
        check=False,
    )
    found = f"Found: PySpark 3.5.7 in {tmp_path / 'pyspark'}; supported: Spark {pyspark.__version__}"
    assert "MissingRequirementError: raydp does not support this version of PySpark" in done.stderr
    assert done.stderr.strip().endswith(found), done.stderr
