"""A standalone cluster on several nodes of Ray, which come and are lost: its sizes, its applications, their data."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from support import programs
from support.standalone_in_ray import QUICK_DAEMONS, folders_left

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.nightly]


def run(program: str, folder: Path) -> programs.Outcome:
    """Run a program. Nothing of it may be left."""
    mark = uuid.uuid4().hex
    env = {**QUICK_DAEMONS, "RAYDP_TEST_MARK": mark, "TMPDIR": str(folder)}
    result = programs.run(f"standalone/{program}", env=env, timeout=540)
    assert programs.await_none(mark) == []
    assert result.code == 0, result.everything
    assert folders_left(folder) == []
    return result


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> programs.Outcome:
    """The program that loses one node, with a part for each test."""
    return run("nodes_of_a_cluster", tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="module")
def changing(tmp_path_factory: pytest.TempPathFactory) -> programs.Outcome:
    """The program in which nodes come and are lost more often."""
    return run("changing_nodes", tmp_path_factory.mktemp("files"))


def test_workers_are_on_all_nodes_and_the_master_is_on_that_of_the_program(outcome: programs.Outcome) -> None:
    said = outcome.facts("both nodes")
    assert said["workers"] == ["['127.0.0.2', '127.0.0.3']"], outcome.everything
    assert said["master"] == ["False True"]
    assert (said["blocks on nodes"], said["read"]) == (["2"], ["True"]), outcome.everything


def test_lost_blocks_are_recomputed_although_tasks_that_wait_for_them_hold_all_cores(outcome: programs.Outcome) -> None:
    said = outcome.facts("lost blocks")
    assert (said["read"], said["in time"], said["workers"]) == (["True"], ["True"], ["1 of 2"]), outcome.everything


def test_a_worker_starts_on_another_node(outcome: programs.Outcome) -> None:
    lines = outcome.part("another node").splitlines()  # Ray adds that it retries a call
    assert {"a worker there", "an executor there", "to Ray and back: 1000"} <= set(lines), outcome.everything


def test_a_node_that_is_lost_in_a_conversion_loses_no_row(changing: programs.Outcome) -> None:
    lines = changing.part("lost in a conversion").splitlines()
    assert {"rows: True", "a worker on the new node"} <= set(lines), changing.everything


def test_it_changes_its_size_across_nodes(changing: programs.Outcome) -> None:
    said = changing.facts("sizes")
    expected = {
        "smaller": ["1 1"],
        "works": ["1000", "1000"],
        "two, and one that waits for a node": [""],
        "with another node": ["3 True"],
        "no worker": ["0 0"],
        "again": ["2 2"],
        "to Ray and back": ["1000"],
    }
    assert {words: said.get(words) for words in expected} == expected, changing.everything


def test_the_application_is_the_same_all_the_time(outcome: programs.Outcome) -> None:
    lines = outcome.part("the end").splitlines()  # Ray adds that it retries a call
    assert {"same application: True", "executors: True"} <= set(lines), outcome.everything


def test_the_application_is_the_same_in_all_changes(changing: programs.Outcome) -> None:
    assert "same application: True" in changing.part("the end").splitlines(), changing.everything
