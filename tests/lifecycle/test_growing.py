"""Executors that wait for nodes on a cluster of fixed size: the user is told, and the application goes on."""

from __future__ import annotations

import pytest

from support import programs

pytestmark = [pytest.mark.cluster, pytest.mark.nightly]


@pytest.fixture(scope="module")
def outcome() -> programs.Outcome:
    """One program with a part for each test."""
    outcome = programs.run("lifecycle/executors_wait_for_nodes")
    assert outcome.code == 0, outcome.everything
    return outcome


def test_ctrl_c_ends_the_wait() -> None:
    outcome = programs.run("lifecycle/executors_wait_for_nodes", "interrupted")
    assert outcome.output.splitlines()[-1] == "ended within 60 s: True", outcome.everything


def test_a_start_goes_on_when_a_node_comes(outcome: programs.Outcome) -> None:
    _, waits, counted, _, end = outcome.part("late").splitlines()
    assert waits.startswith("raydp: 1 executor waits for a node that can hold one (executor 1): no node"), waits
    assert "has enough CPU. Each executor needs CPU 1, memory 884 MiB; the nodes have" in waits
    assert ": CPU 0, memory " in waits and "s of at most 10 min (spark.raydp.executor.infeasibleTimeout)" in waits
    assert counted == "counted: 10"
    assert end.startswith("raydp: executors run; some waited "), end


def test_a_partial_start_says_which_executors_wait_for_what(outcome: programs.Outcome) -> None:
    waits = outcome.part("partial").splitlines()[-1]
    assert waits.startswith("raydp: 3 of 5 executors wait for CPU (executors 3, 4, 5); "), waits
    assert "free is 127.0.0.2: CPU 0 of 2, memory " in waits and "Each executor needs CPU 1, memory 884 MiB" in waits


def test_a_job_goes_on_when_its_nodes_come_back(outcome: programs.Outcome) -> None:
    waits, result = outcome.part("away").splitlines()[-2:]
    assert waits.startswith("raydp: 1 executor waits for a node that can hold one"), waits
    assert result == "result: [(0, 20), (1, 20), (2, 20)]", outcome.everything
