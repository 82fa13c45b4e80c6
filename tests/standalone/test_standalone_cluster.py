"""A Spark standalone cluster in Ray, from start to end: real daemons, two applications, killed workers and masters."""

from __future__ import annotations

import uuid

import pytest

from support import programs
from support.standalone_in_ray import QUICK_DAEMONS, folders_left

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> programs.Outcome:
    """One program with a part for each test. Nothing of it may be left."""
    mark, folder = uuid.uuid4().hex, tmp_path_factory.mktemp("files")
    result = programs.run(
        "standalone/whole_life", env={**QUICK_DAEMONS, "RAYDP_TEST_MARK": mark, "TMPDIR": str(folder)}, timeout=540
    )
    assert programs.await_none(mark) == []
    assert folders_left(folder) == []
    return result


@pytest.mark.promised("start_standalone", "ClusterError")
def test_it_starts_or_says_at_once_that_ray_is_too_small(outcome: programs.Outcome) -> None:
    said = outcome.facts("the start")
    assert said["too many"][0].startswith("ClusterError: The Ray cluster is too small for these workers."), (
        outcome.everything
    )
    assert "9 x CPU 3, memory 1368 MiB; the cluster holds 1 of them: " in said["too many"][0]
    assert said["looks like"][0].startswith("<StandaloneCluster; state: running; master: spark://")
    assert "workers: 2 of 2; 2 cores and 1000 MiB each; applications: none" in said["looks like"][0]
    assert said["notebook"] == ["True"]


def test_its_secrets_are_private(outcome: programs.Outcome) -> None:
    said = outcome.facts("the start")
    assert said["private"] == ["0o600 0o700"], outcome.everything
    assert said["secrets in command lines"] == ["0"]
    assert said["listens beyond the node"] == ["False"], outcome.everything
    assert said["UI"] == ["401 401 200"], outcome.everything
    assert outcome.facts("a plain session")["secrets in command lines"] == ["0"]
    assert outcome.facts("the end")["logs"] == ["True 0"], outcome.everything


def test_a_session_without_the_secret_is_refused_at_once(outcome: programs.Outcome) -> None:
    said = outcome.facts("sessions without the secret")
    assert said["no secret"][0].startswith("SessionError: This Spark session has no secret for"), outcome.everything
    assert said["wrong secret"][0].startswith("SessionError: This Spark session has another secret than")
    assert "PYSPARK_SUBMIT_ARGS='--properties-file " in said["wrong secret"][0]


def test_a_program_with_another_secret_is_told_why_it_is_refused(outcome: programs.Outcome) -> None:
    error, count = outcome.part("a stranger").splitlines()
    assert error.startswith("The master of the Spark standalone cluster did not accept this session."), (
        outcome.everything
    )
    assert "spark.authenticate.secret" in error and "--properties-file" in error
    assert count == "3", "another session can follow"


def test_a_plain_session_exchanges_data_with_ray(outcome: programs.Outcome) -> None:
    said = outcome.facts("a plain session")
    assert said["agrees"] == ["True"], outcome.everything
    assert (said["master"], said["Python workers"], said["executors"]) == (["True"], ["999000"], ["2"])


def test_another_application_runs_at_once(outcome: programs.Outcome) -> None:
    assert outcome.facts("another application at once") == {"it said": ["10 15"], "this one": ["1000"]}, (
        outcome.everything
    )


def test_a_killed_worker_takes_its_executors_along_and_is_replaced(outcome: programs.Outcome) -> None:
    said = outcome.facts("a killed worker")
    assert (said["went along"], said["replaced"], said["agrees"]) == (["True"], ["True 2"], ["True"]), (
        outcome.everything
    )


def test_a_killed_master_comes_back_and_the_application_goes_on(outcome: programs.Outcome) -> None:
    said = outcome.facts("a killed master")
    assert said == {
        "goes on": ["1000"],
        "came back": ["True True"],
        "same application": ["True"],
        "agrees": ["True"],
    }, outcome.everything


@pytest.mark.promised("StandaloneCluster.scale", "ClusterError")
@pytest.mark.promised("StandaloneCluster.scale", "InvalidArgumentError")
def test_it_changes_its_size(outcome: programs.Outcome) -> None:
    said = outcome.facts("other sizes")
    assert (said["scaled"], said["works"]) == (["1 1"], ["True 1000"]), outcome.everything
    assert said["too many"][0].startswith("ClusterError: The Ray cluster is too small for these workers.")
    assert said["a half"][0].startswith("InvalidArgumentError: num_workers must be a whole number of at least 0")


@pytest.mark.promised("StandaloneCluster.scale", "SessionError")
def test_nothing_is_left(outcome: programs.Outcome) -> None:
    said = outcome.facts("the end")
    assert said["looks like"][0].startswith("<StandaloneCluster; state: stopped; "), outcome.everything
    assert said["scaled"][0].startswith("SessionError: This Spark standalone cluster was stopped")
    assert (said["left"], said["folders"]) == (["True"], ["0"]), outcome.everything
    assert outcome.code == 0, outcome.everything
    assert "Traceback" not in outcome.errors, outcome.everything
