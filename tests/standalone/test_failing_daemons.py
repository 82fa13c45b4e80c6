"""A standalone cluster whose master or worker does not run says why, and goes on with what it has."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from support import programs
from support.standalone_in_ray import QUICK_DAEMONS, folders_left

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.cluster
@pytest.mark.promised("start_standalone", "ExecutorStartError")
@pytest.mark.promised("StandaloneCluster.scale", "ExecutorStartError")
def test_daemons_that_fail(tmp_path: Path) -> None:
    mark = uuid.uuid4().hex
    outcome = programs.run(
        "standalone/failing_daemons",
        str(tmp_path / "spark"),
        env={**QUICK_DAEMONS, "RAYDP_TEST_MARK": mark, "TMPDIR": str(tmp_path)},
    )
    assert outcome.code == 0, outcome.everything
    master, worker = (outcome.part(f"a {name} that fails") for name in ("master", "worker"))
    begin = "ExecutorStartError: 'A process of the Spark standalone cluster does not run: a setting is probably wrong"
    assert master.startswith(f"start: {begin}"), outcome.everything
    assert "it ended 3 times in a row, the last time with 3." in master
    assert "org.apache.spark.deploy.master.Master cannot run today" in master
    scale, shown, back, again = worker.splitlines()
    assert scale.startswith(f"scale: {begin}") and "deploy.worker.Worker cannot run today" in scale
    assert "workers: 1 of 2; 1 core and 600 MiB each" in shown, outcome.everything
    assert (back, again) == ("back: 1", "again: 2"), outcome.everything
    assert programs.await_none(mark) == []
    assert folders_left(tmp_path) == []
