"""Blocks on several nodes: of two attempts at one task, and of a node that died. Spark recomputes these if it may."""

from __future__ import annotations

import pytest

from support import programs

pytestmark = [pytest.mark.cluster, pytest.mark.slow]


@pytest.fixture(scope="module")
def outcome() -> programs.Outcome:
    """One program with an application for each test, on a cluster of three nodes."""
    outcome = programs.run("exchange/several_nodes", timeout=550)
    assert outcome.code == 0, outcome.everything
    assert "ended" in outcome.part("ended"), outcome.everything
    return outcome


def test_blocks_of_the_slower_attempt_are_in_no_dataset(outcome: programs.Outcome) -> None:
    lines = outcome.part("two attempts at once").splitlines()
    assert "waited for the slow attempt: False" in lines, outcome.everything
    assert "attempts: ['0-0', '1-0', '1-1']" in lines, outcome.everything
    assert "rows: True" in lines, outcome.everything
    assert lines[-1] == "all is freed", outcome.everything


def test_lost_blocks_are_recomputed(outcome: programs.Outcome) -> None:
    output = outcome.part("lost blocks")
    assert all(line in output for line in ("plain", "shuffled", "lineages left: 0")), outcome.everything


def test_lost_blocks_are_recomputed_although_tasks_that_wait_for_them_hold_all_cores(outcome: programs.Outcome) -> None:
    assert "one core: in time" in outcome.part("lost blocks"), outcome.everything


def test_without_fault_tolerance_ray_says_that_the_blocks_are_lost(outcome: programs.Outcome) -> None:
    output = outcome.part("without fault tolerance")
    assert all(line in output for line in ("lost:", "recovered")), outcome.everything
