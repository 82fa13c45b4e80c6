"""Executors leave room to Ray's tasks if nobody says how many there are. If they leave none, what waits says so."""

from __future__ import annotations

import re

import pytest

from support import programs

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def outcome() -> programs.Outcome:
    """On two CPUs: a session without any sizes, then one whose executors take both CPUs."""
    return programs.run("first_hour/room_for_tasks")


def test_a_session_without_sizes_leaves_room(outcome: programs.Outcome) -> None:
    assert outcome.code == 0, outcome.everything
    said = outcome.part("nothing is given")
    assert "executors: 1 cores: 1" in said and "rows: 10" in said and "predicted: 100" in said, outcome.everything


def test_one_line_says_what_it_took(outcome: programs.Outcome) -> None:
    lines = [line for line in outcome.errors.split("== no room")[0].splitlines() if line.startswith("raydp: ")]
    assert len(lines) == 2 and " runs on Ray at " in lines[0], outcome.everything
    assert re.fullmatch(
        r"raydp: Spark takes 1 executor with 1 core and \d+m of heap each, on a cluster of 2 CPUs\. "
        "To choose, give num_executors, executor_cores and executor_memory",
        lines[1],
    ), outcome.everything


def test_one_line_says_that_executors_leave_no_cpu(outcome: programs.Outcome) -> None:
    lines = [line for line in outcome.errors.split("== no room")[1].splitlines() if "leave no CPU" in line]
    expected = (
        "raydp: Spark's executors leave no CPU to Ray's tasks, so map_batches, fit and predict will wait. Start Spark "
        "with fewer executors or cores, or call raydp.scale(1) now. Executors: 2 x 1 CPUs; in all: 2"
    )
    assert lines == [expected], outcome.everything


@pytest.mark.parametrize(("what", "times"), [("A Dataset", 2), ("A prediction task", 1), ("The training workers", 1)])
def test_what_waits_for_a_cpu_says_why(what: str, times: int, outcome: programs.Outcome) -> None:
    lines = [line for line in outcome.errors.splitlines() if line.startswith(f"raydp: {what} must wait for CPUs. ")]
    assert len(lines) == times, outcome.everything
    for line in lines:
        assert line.endswith(
            "Spark's executors hold the others until raydp.stop_spark(). Start Spark with fewer executors or cores, or "
            "call raydp.scale(1) now. Needed: 1 x 1 CPUs; executors: 2 x 1 CPUs; in all: 2"
        ), outcome.everything


def test_after_the_fix_that_it_names_all_goes_on(outcome: programs.Outcome) -> None:
    said = outcome.part("no room")
    for line in ("scaled: 1", "a Dataset: 10", "to_spark: 2", "predict: 100"):
        assert line in said, outcome.everything
    assert (
        "fit: ClusterError: The training workers found no free resources on the cluster. Something else uses them: "
        "Spark's executors keep their cores until raydp.stop_spark()"
    ) in said, outcome.everything
