"""Applications that one program starts and stops repeatedly leave nothing, neither in the program nor outside."""

from __future__ import annotations

import uuid

import pytest

from support import programs


@pytest.mark.cluster
@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_starting_again_and_again_leaves_nothing(pytestconfig: pytest.Config) -> None:
    mark = uuid.uuid4().hex
    restarts = pytestconfig.getoption("--restarts")
    outcome = programs.run(
        "lifecycle/starting_again_and_again_leaves_nothing",
        str(restarts),
        env={"RAYDP_TEST_MARK": mark},
        timeout=3600,
    )
    assert outcome.code == 0, outcome.everything
    lines = [line.split()[1:] for line in outcome.output.splitlines() if line.startswith("sizes:")]
    sizes = [dict(zip(_NAMES, map(int, line), strict=True)) for line in lines]
    assert len(sizes) == restarts, outcome.everything
    # The first starts fill caches and pools. After them, nothing grows with the number of starts.
    settled, last = sizes[2], sizes[-1]
    for name, slack in _NAMES.items():
        assert last[name] - settled[name] <= slack, (name, sizes)
    assert programs.await_none(mark) == []


# What is counted, and by how much it may vary. Memory is in MiB.
_NAMES = {"files": 10, "threads": 10, "memory": 30}
