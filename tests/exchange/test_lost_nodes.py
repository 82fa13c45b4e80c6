"""Spark recomputes the blocks of a node that died, unless fault tolerance is off."""

from __future__ import annotations

import pytest

from support.programs import run

pytestmark = [pytest.mark.cluster, pytest.mark.slow]


def outcome_of(program: str) -> str:
    outcome = run(program, timeout=400)
    assert outcome.code == 0, outcome.everything
    assert "ended" in outcome.output, outcome.everything
    return outcome.output


def test_lost_blocks_are_recomputed() -> None:
    output = outcome_of("exchange/lost_blocks_are_recomputed")
    assert all(line in output for line in ("plain", "shuffled", "lineages left: 0")), output


def test_without_fault_tolerance_ray_says_that_the_blocks_are_lost() -> None:
    output = outcome_of("exchange/without_fault_tolerance_blocks_are_lost")
    assert all(line in output for line in ("lost:", "recovered")), output
