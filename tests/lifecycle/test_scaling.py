"""Executors are added and removed by hand and by Spark's dynamic allocation."""

from __future__ import annotations

import pytest

from support import programs

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def outcome() -> programs.Outcome:
    """One program with a part for each test."""
    return programs.run("lifecycle/scaling")


@pytest.mark.promised("scale", "InvalidArgumentError")
def test_executors_are_added_and_taken_away_by_hand(outcome: programs.Outcome) -> None:
    assert outcome.code == 0, outcome.everything
    lines = outcome.part("by hand").splitlines()
    assert len([line for line in lines if line.startswith("refused:")]) == 3, outcome.everything
    assert "two: 2" in lines
    assert "more than there is room for: True" in lines and "three run" in lines, outcome.everything
    assert "two again: 2 2" in lines, outcome.everything
    assert "one: 1 of the two: True" in lines, outcome.everything
    assert "cached partitions: [4, 4]" in lines, "decommissioning hands cached partitions over " + outcome.everything
    assert "right: 10000 10000" in lines
    assert "none: 0 []" in lines, outcome.everything
    assert "one: 1 1000" in lines, outcome.everything
    assert any(line.startswith("stopped: There is no running Spark session") for line in lines)


def test_dynamic_allocation_grows_with_a_job_and_shrinks_after_it(outcome: programs.Outcome) -> None:
    assert outcome.code == 0, outcome.everything
    lines = outcome.part("dynamic allocation").splitlines()
    assert lines[0].startswith("refused: Spark's dynamic allocation sets"), outcome.everything
    assert lines[1] == "converted without executors at first: [] 1000", outcome.everything
    expected = ["grown", "pending", "result: [(0, 20), (1, 20), (2, 20)]", "pending cancelled", "shrunk", "after: 100"]
    assert lines[2:] == expected, outcome.everything
