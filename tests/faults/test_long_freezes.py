"""Processes that stand still for longer than others wait for them: no row is lost or doubled, also when they go on."""

from __future__ import annotations

import uuid

import pytest

from support import programs

pytestmark = [pytest.mark.cluster, pytest.mark.nightly]


@pytest.fixture(scope="module")
def outcome() -> programs.Outcome:
    mark = uuid.uuid4().hex
    result = programs.run("faults/long_freezes", env={"RAYDP_TEST_MARK": mark})
    assert programs.await_none(mark) == []
    return result


@pytest.mark.parametrize("frozen", ["executor", "agent", "AppMaster", "head"])
def test_the_rows_are_right(outcome: programs.Outcome, frozen: str) -> None:
    said = outcome.part(frozen)
    total = sum(range(100_000))
    assert said.splitlines() == [
        f"read: 100000 {total}",
        "converted: True",
        f"afterwards: True 100000 {total}",
        "two executors",
    ], outcome.everything
    assert outcome.code == 0, outcome.everything
