"""Standalone clusters at the edges of their lives: two at once, interrupted, left by an error, in tasks and actors."""

from __future__ import annotations

import uuid

import pytest

from support import programs
from support.standalone_in_ray import QUICK_DAEMONS, folders_left

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.nightly]

LEFT = "nothing is left"


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> programs.Outcome:
    """One program with a part for each test. Nothing of it may be left."""
    mark, folder = uuid.uuid4().hex, tmp_path_factory.mktemp("files")
    env = {**QUICK_DAEMONS, "RAYDP_TEST_MARK": mark, "TMPDIR": str(folder)}
    result = programs.run("standalone/edges", env=env, timeout=540)
    assert programs.await_none(mark) == []
    assert result.code == 0, result.everything
    assert folders_left(folder) == []
    return result


def test_two_clusters_in_one_program_know_nothing_of_each_other(outcome: programs.Outcome) -> None:
    assert outcome.facts("two clusters") == {
        "apart": ["True True"],
        "own secrets": ["True"],
        "submitted": ["(0, '10 15')"],
        "the other goes on": ["1 False"],
        "no worker": ["0"],
        "again": ["1"],
        LEFT: ["True"],
        "submitted to a stopped one": ["True True"],
    }, outcome.everything


def test_an_error_in_a_with_statement_ends_it(outcome: programs.Outcome) -> None:
    said = outcome.facts("left by an error")
    assert said == {"error": ["ValueError: an error of the program"], LEFT: ["True"]}, outcome.everything


def test_an_interrupted_start_leaves_nothing(outcome: programs.Outcome) -> None:
    said = outcome.facts("interrupted")
    assert said == {"master": ["interrupted"], "worker": ["interrupted"], LEFT: ["True", "True"]}, outcome.everything


def test_tasks_and_actors_of_ray_can_have_clusters(outcome: programs.Outcome) -> None:
    assert outcome.facts("in Ray") == {
        "task": ["(0, '10 15')"],
        "actor": ["spark: (0, '10 15')"],
        LEFT: ["True", "True"],
    }, outcome.everything


def test_it_starts_ray_if_the_program_has_not(outcome: programs.Outcome) -> None:
    assert outcome.facts("before ray.init") == {"workers": ["1 True"], LEFT: ["True"]}, outcome.everything
