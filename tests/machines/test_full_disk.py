"""A disk that fills up while Spark and Ray work: an error says so, and what fits on it works again."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from support import odd_machines, programs
from support.skipping import skipped_for

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.nightly,
    skipped_for(odd_machines.reason_to_skip()),
]


@pytest.fixture(scope="module")
def outcome() -> programs.Outcome:
    with tempfile.TemporaryDirectory(prefix="full-", dir="/tmp") as name:
        disk = Path(name)
        within = odd_machines.with_small_disk(disk, megabytes=150)
        return programs.run("machines/full_disk", str(disk), within=within)


def test_a_conversion_says_that_the_disk_is_full(outcome: programs.Outcome) -> None:
    assert outcome.code == 0, outcome.everything
    said = outcome.part("conversion")
    assert "refused: The disk to which Ray spills blocks is full" in said and "after that: 1000" in said, said


def test_a_shuffle_says_that_the_disk_is_full(outcome: programs.Outcome) -> None:
    said = outcome.part("shuffle")
    assert "failed: True" in said and "after that: 1000" in said, outcome.everything
