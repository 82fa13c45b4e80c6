"""``raydp.attach`` to applications on YARN: Hadoop's own daemons, and executors in containers of this user."""

from __future__ import annotations

import os
import sys
import tempfile
import uuid
from typing import TYPE_CHECKING

import pytest

from raydp._machine.installation import spark_home
from support import programs
from support.yarn import run_in_container, submit_variables, yarn_cluster

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.cluster, pytest.mark.nightly]

_PROGRAM_SECONDS = 1500.0  # on a busy machine
_ADMINISTRATOR_OF_YARN = 54321
_CONVERTED = ["to Ray: True", "to Spark: True", "by name: 499500"]
_EXPECTED = {
    "executors from zero": [
        "executors before: 0",
        *_CONVERTED,
        "idle ones end: True",
        "by name, with new ones: 1000",
        "left: 0",
    ],
    "two executors": [*_CONVERTED, "executors: True"],
    "a killed executor": ["rows: True", "replaced: True", "to Spark: 40 780"],
    "the end": ["executors: True", "sockets: True", "staged files: []"],
}


@pytest.fixture(scope="module")
def configuration() -> Iterator[Path]:
    """Run a cluster whose folders belong to another user, as they belong to YARN's own account on most clusters."""
    with yarn_cluster(owner=_ADMINISTRATOR_OF_YARN if os.getuid() == 0 else None) as folder:
        yield folder


@pytest.fixture(scope="module")
def outcome(configuration: Path, tmp_path_factory: pytest.TempPathFactory) -> programs.Outcome:
    """One program with a part for each test. Nothing of it may be left."""
    mark = uuid.uuid4().hex
    with tempfile.TemporaryDirectory(prefix="y-", dir="/tmp") as folder:  # short: the paths of sockets have a limit
        result = programs.run(
            "attach/yarn",
            str(tmp_path_factory.mktemp("staging")),
            env={**submit_variables(configuration), "RAYDP_TEST_MARK": mark, "TMPDIR": folder},
            timeout=_PROGRAM_SECONDS,
        )
        assert programs.await_none(mark) == []
        assert programs.files_left(folder) == []
    return result


@pytest.mark.parametrize("part", _EXPECTED)
def test_executors_in_containers(outcome: programs.Outcome, part: str) -> None:
    assert outcome.part(part).splitlines() == _EXPECTED[part], outcome.everything


def test_a_killed_agent_is_replaced(outcome: programs.Outcome) -> None:
    said = outcome.part("a killed agent").splitlines()  # Ray adds that it retries a call
    assert {"to Ray: 1000", "to Spark: 780"} <= set(said), outcome.everything


def test_the_console_says_what_the_user_can_act_on(outcome: programs.Outcome) -> None:
    assert outcome.code == 0, outcome.everything
    assert "Traceback" not in outcome.errors, outcome.everything


def test_a_driver_in_a_container(configuration: Path, tmp_path: Path) -> None:
    """Cluster mode: the driver has a container's folders and environment, too."""
    mark = uuid.uuid4().hex
    said = tmp_path / "said"
    java = submit_variables(configuration)["JAVA_HOME"]
    done = run_in_container(
        configuration,
        "attach/driver_in_container",
        str(said),
        settings={
            "spark.yarn.jars": f"local:{spark_home()}/jars/*",
            "spark.yarn.stagingDir": tmp_path.as_uri(),
            "spark.driver.memory": "500m",
            "spark.executor.memory": "500m",
            "spark.executor.instances": "1",
            "spark.ui.enabled": "false",
        },
        variables={
            "JAVA_HOME": str(java),
            "PATH": os.environ["PATH"],
            "PYSPARK_PYTHON": sys.executable,
            "PYTHONPATH": os.pathsep.join(map(os.path.abspath, filter(None, sys.path))),
            "RAY_TMPDIR": os.environ["RAY_TMPDIR"],
            "RAYDP_TEST_MARK": mark,
        },
    )
    assert done.returncode == 0, done.stderr
    assert said.read_text().splitlines() == [
        "mode: cluster",
        "ended: False",
        "to Ray: 1000",
        "to Spark: 499500",
    ], done.stderr
    assert programs.await_none(mark) == []
