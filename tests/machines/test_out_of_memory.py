"""The kernel kills a process because memory ran out: jobs go on, or an error says so, and what fits works again."""

from __future__ import annotations

import os
import uuid
from typing import TYPE_CHECKING

import pytest

from support import memory_groups, programs
from support.datasets import eventually
from support.memory_groups import MemoryGroup
from support.skipping import skipped_for

if TYPE_CHECKING:
    from collections.abc import Iterator


pytestmark = [
    pytest.mark.cluster,
    pytest.mark.nightly,
    skipped_for(memory_groups.reason_to_skip()),
]


def _try_to_remove(group: MemoryGroup) -> bool:
    try:
        group.remove()
    except OSError:  # a killed process takes a moment to end
        return False
    return True


@pytest.fixture(scope="module")
def outcome() -> Iterator[programs.Outcome]:
    mark = uuid.uuid4().hex
    group = MemoryGroup.create(f"raydp-test-{mark}", megabytes=200)
    try:
        result = programs.run("machines/out_of_memory", os.fspath(group.folder), env={"RAYDP_TEST_MARK": mark})
        assert programs.await_none(mark) == []
        yield result
    finally:
        assert eventually(lambda: _try_to_remove(group))


def test_a_job_survives_an_executor(outcome: programs.Outcome) -> None:
    assert outcome.code == 0, outcome.everything
    said = outcome.part("executor")
    assert "rows: 4000000" in said and "killed: True" in said, outcome.everything


def test_a_conversion_says_which_agents_were_killed(outcome: programs.Outcome) -> None:
    said = outcome.part("agent")
    assert "refused: The exchange agent of a node died during the conversion" in said, outcome.everything
    assert "because memory ran out" in said and "killed: True" in said, outcome.everything


def test_a_task_says_that_its_python_worker_was_killed(outcome: programs.Outcome) -> None:
    said = outcome.part("Python worker")
    assert "failed: True" in said and "killed: True" in said, outcome.everything


@pytest.mark.parametrize("part", ["executor", "agent", "Python worker"])
def test_what_fits_works_again(outcome: programs.Outcome, part: str) -> None:
    assert "after that: 1000 1000" in outcome.part(part), outcome.everything
