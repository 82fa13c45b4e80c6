"""``raydp.attach`` where Ray's nodes run in the executors of the application that it attaches."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

import pytest

from support import programs

# Ray waits 20 s for its head alone.
pytestmark = [pytest.mark.cluster, pytest.mark.nightly]

EXAMPLE = Path(__file__).parents[2] / "examples" / "ray_on_spark.py"


def test_ray_in_the_executors_of_spark() -> None:
    mark = uuid.uuid4().hex
    with tempfile.TemporaryDirectory(prefix="ros-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        outcome = programs.run("attach/ray_on_spark", folder, env={"RAYDP_TEST_MARK": mark, "RAY_ADDRESS": None})
        assert programs.await_none(mark) == []
    assert outcome.code == 0, outcome.everything
    assert outcome.part("Ray's nodes").splitlines()[-1] == "nodes: 3", outcome.everything
    assert outcome.part("conversions").splitlines() == [
        "to Ray: True",
        "agents: 3",  # all of this machine
        "to Spark: 999000",
        "an RDD: (5, [5.0, 5.5])",
        "learned: [2.0]",
        "predicted: 200",
    ], outcome.everything
    end = outcome.part("the end").splitlines()
    assert [line for line in end if line.startswith(("usable", "Spark", "left"))] == [
        "usable: False",
        "Spark goes on: 1000",
        "left: False",
    ], outcome.everything


def test_the_example() -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), "--smoke"],
        env=programs.environment({"RAY_ADDRESS": None}),
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
    assert done.stdout.splitlines()[-1] == "example ok", done.stdout
