"""Each part of a standalone cluster is lost once, in the middle of a conversion; then Ray's own processes are."""

from __future__ import annotations

import uuid

import pytest

from support import programs
from support.standalone_in_ray import QUICK_DAEMONS, folders_left

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.nightly]

GONE = "ClusterError: The Ray cluster that runs this Spark standalone cluster is gone: "


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> programs.Outcome:
    """One program with a part for each test. Nothing of it may be left."""
    mark, folder = uuid.uuid4().hex, tmp_path_factory.mktemp("files")
    env = {**QUICK_DAEMONS, "RAYDP_TEST_MARK": mark, "TMPDIR": str(folder)}
    result = programs.run("standalone/everything_lost", env=env, timeout=840)
    assert programs.await_none(mark) == []
    assert folders_left(folder) == [], result.everything
    return result


@pytest.mark.parametrize("what", ["a worker's process", "the master's actor", "an executor", "an agent"])
def test_a_part_that_is_lost_in_a_conversion_comes_back_and_no_row_is_lost(
    outcome: programs.Outcome, what: str
) -> None:
    said = outcome.facts(what)
    assert (said["rows"], said["workers"], said["goes on"]) == (["True"], ["True"], ["4950"]), outcome.everything


def test_the_application_is_the_same_after_all_that(outcome: programs.Outcome) -> None:
    assert outcome.facts("a worker's process")["another process"] == ["1"], outcome.everything
    assert outcome.facts("an agent")["same application"] == ["True"], outcome.everything


@pytest.mark.promised("StandaloneCluster.scale", "ClusterError")
def test_without_its_raylet_everything_ends_and_another_cluster_can_follow(outcome: programs.Outcome) -> None:
    said = outcome.facts("the raylet")
    assert said["scale"][0].startswith(f"{GONE}the raylet of this machine's Ray node has ended"), outcome.everything
    assert said["start"][0].startswith("ClusterError: This process is connected to a Ray cluster that is gone: ")
    assert said["convert"][0].split(":")[0] in ("ClusterError", "SessionError", "ExchangeError"), outcome.everything
    assert (said["left"], said["stopped"]) == (["True True"], ["None"]), outcome.everything
    assert said["in time"] == ["True folder: False"], outcome.everything
    assert said["again"] == ["100 1"], outcome.everything


def test_without_the_head_a_session_with_a_cluster_of_its_own_ends_and_another_can_follow(
    outcome: programs.Outcome,
) -> None:
    said = outcome.facts("the head")
    assert said["scale"][0].startswith(f"{GONE}the head of the Ray cluster (its GCS) has ended"), outcome.everything
    assert (said["stopped"], said["in time"], said["left"]) == (["None"], ["True"], ["True"]), outcome.everything
    assert (said["rows"], said["again"]) == (["100"], ["100"]), outcome.everything


def test_a_program_that_is_terminated_leaves_nothing(outcome: programs.Outcome) -> None:
    assert outcome.facts("a program that is terminated")["rows"] == ["100"], outcome.everything  # the rest: above
