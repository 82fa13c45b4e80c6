"""A cluster that grows for a job's pending executors and shrinks after the job."""

from __future__ import annotations

import os
import shutil
import tempfile

import pytest

from support import programs

_NAMESPACE = ("unshare", "--pid", "--fork", "--mount-proc")


@pytest.mark.cluster
@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="a PID namespace needs root")
def test_a_cluster_grows_with_the_job_and_shrinks_after_it() -> None:
    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")  # short: sockets' paths have a limit
    try:
        outcome = programs.run(
            "lifecycle/a_cluster_grows_with_the_job_and_shrinks_after_it",
            env={"RAY_TMPDIR": folder, "RAY_ADDRESS": None},
            within=_NAMESPACE,
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    assert outcome.code == 0, outcome.everything
    found = [line for line in outcome.output.splitlines() if not line.startswith("20")]
    expected = ["grown", "result: [(0, 20), (1, 20), (2, 20)]", "converted: 1000", "shrunk", "after: 10"]
    assert [line for line in found if line in expected] == expected, outcome.everything
