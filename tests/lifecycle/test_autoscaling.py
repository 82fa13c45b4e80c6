"""A cluster that grows for a job's pending executors and shrinks after the job."""

from __future__ import annotations

import os
import re
import shutil
import tempfile

import pytest

from support import programs

_NAMESPACE = ("unshare", "--pid", "--fork", "--mount-proc")


def grow(version: str, delay: str) -> programs.Outcome:
    """Run the program on a cluster without workers."""
    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")  # short: sockets' paths have a limit
    try:
        return programs.run(
            "lifecycle/a_cluster_grows_with_the_job_and_shrinks_after_it",
            version,
            delay,
            env={"RAY_TMPDIR": folder, "RAY_ADDRESS": None},
            within=_NAMESPACE,
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def told(outcome: programs.Outcome) -> list[str]:
    """Return the lines about executors that wait for a node."""
    return [
        line for line in outcome.errors.splitlines() if re.match("raydp: [0-9]+ executors? waits? for a node", line)
    ]


@pytest.mark.cluster
@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="a PID namespace needs root")
@pytest.mark.parametrize(
    ("version", "delay"),
    [
        ("v2", "0"),
        pytest.param("v2", "30", marks=pytest.mark.nightly),
        pytest.param("v1", "30", marks=pytest.mark.nightly),
    ],
)
def test_a_cluster_without_workers_grows_with_the_job_and_shrinks_after_it(version: str, delay: str) -> None:
    outcome = grow(version, delay)
    assert outcome.code == 0, outcome.everything
    found = outcome.output.splitlines()
    refused = next(line for line in found if line.startswith("too large:"))
    assert refused.startswith("too large: No node of the Ray cluster could ever hold one executor"), outcome.everything
    assert "Ray's autoscaler adds no node" in refused and "CPU 16" in refused, refused
    expected = ["grown", "result: [(0, 20), (1, 20), (2, 20)]", "converted: 1000", "shrunk", "after: 10"]
    assert [line for line in found if line in expected] == expected, outcome.everything
    lines = told(outcome)
    assert lines and "of at most 8 s" in lines[0] and "enough CPU" in lines[0], outcome.everything
    growing = [line for line in lines if "of at most 30 min" in line]
    assert growing and "Ray's autoscaler" in growing[0] and "CPU 1, memory" in growing[0], outcome.everything
    assert ("training workers: 2" in found) == (delay != "0"), outcome.everything
    assert delay == "0" or any("Ray's autoscaler adds nodes: " in line for line in growing), outcome.everything
