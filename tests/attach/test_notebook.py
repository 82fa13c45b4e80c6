"""``raydp.attach`` to a session in local mode: Spark and Ray in one process, as in a notebook."""

from __future__ import annotations

import uuid

import pytest

from support import programs

pytestmark = pytest.mark.cluster

ENDED = "<Attachment; state: ended; "


@pytest.fixture(scope="module")
def outcome() -> programs.Outcome:
    """One program with a part for each test. Nothing of it may be left."""
    mark = uuid.uuid4().hex
    result = programs.run("attach/notebook", env={"RAYDP_TEST_MARK": mark})
    assert programs.await_none(mark) == []
    return result


@pytest.mark.promised("attach", "ExchangeError")
def test_executors_on_a_machine_without_a_ray_node(outcome: programs.Outcome) -> None:
    said = outcome.facts("elsewhere")
    assert said["attach"][0].startswith("ExchangeError: Spark has executors on machines where no Ray node runs")
    assert "ray start" in said["attach"][0]
    assert said["attach"][0].endswith("192.0.2.77"), outcome.everything
    assert said["usable"] == ["3"]


@pytest.mark.promised("attach", "InvalidArgumentError")
@pytest.mark.promised("attach", "ClusterError")
@pytest.mark.promised("attach", "SessionError")
def test_what_is_refused_before_any_job(outcome: programs.Outcome) -> None:
    said = outcome.facts("before")
    assert said["without Ray"][0].startswith("ClusterError: This process is not connected to Ray"), outcome.everything
    assert said["no session"][0].startswith("InvalidArgumentError: attach takes a SparkSession")
    assert said["not attached"][0].startswith(
        "SessionError: There is no running Spark session on Ray: raydp did not start this one"
    )
    assert "raydp.attach(spark)" in said["not attached"][0]
    assert said["no default"] == said["not attached"]
    assert said["wrong setting"][0].startswith("InvalidArgumentError: "), outcome.everything
    assert "spark.raydp.exchange.blockSize" in said["wrong setting"][0]
    assert "did you mean spark" in said["mistyped"][0].lower(), outcome.everything
    assert said["in a task"][0].startswith("raydp.attach was called in a Spark task")


def test_everything_works_as_in_a_session_on_ray(outcome: programs.Outcome) -> None:
    said = outcome.facts("conversions")
    assert said.pop("looks like")[0].startswith("<Attachment; state: attached; application: local-"), outcome.everything
    assert "USER_RAISED_EXCEPTION" in said.pop("a failing query")[0], outcome.everything
    assert said == {
        "same": ["True"],
        "to Ray": ["True"],
        "to Spark": ["True True"],
        "by Ray Data": ["1000 499500"],
        "through Ray": ["999000"],
        "an RDD": ["[(1, [0]), (2, [0, 1])]"],
        "by name": ["[Row(k=0, n=334), Row(k=1, n=333), Row(k=2, n=333)]"],
        "another session": ["1000"],
        "small blocks": ["5"],
        "learned": ["[2.0]"],
        "predicted": ["200"],
    }, outcome.everything


@pytest.mark.promised("Attachment.exchange", "SessionError")
def test_it_ends_when_it_is_detached_and_with_spark_and_with_ray(outcome: programs.Outcome) -> None:
    said = outcome.facts("ends")
    assert [line.startswith(ENDED) for line in said.pop("looks like")] == [True, True, True], outcome.everything
    assert said.pop("detached")[0].startswith(
        "SessionError: There is no running Spark session on Ray: raydp did not start this one"
    )
    assert said.pop("its DataFrame")[0].startswith("ExchangeError: Spark no longer holds the Ray Dataset"), (
        outcome.everything
    )
    assert said.pop("its exchange")[0].startswith("SessionError: Spark is not attached to Ray any more")
    assert said.pop("Ray is gone")[0].startswith("SessionError: "), outcome.everything
    assert said.pop("a stopped RDD")[0].startswith("SessionError: This RDD belongs to a SparkContext that was stopped")
    stopped = said.pop("stopped")
    assert stopped[0].startswith("SessionError: This Spark session was stopped"), outcome.everything
    assert stopped[1].startswith("SessionError: "), outcome.everything
    assert said == {
        "sockets": ["True"],
        "left": ["False 1000"],
        "again": ["False 1000", "1000"],
        "Spark goes on": ["1000"],
        "another Ray": ["False 1000"],
    }, outcome.everything


def test_a_session_on_ray_can_follow(outcome: programs.Outcome) -> None:
    said = outcome.facts("then on Ray")
    assert said["on Ray"] == ["10"], outcome.everything
    assert said["an RDD of before"][0].startswith("SessionError: This RDD belongs to a SparkContext that was stopped")
    assert said["attach"][0].startswith("SessionError: raydp started this Spark session"), outcome.everything


def test_a_killed_jvm_is_a_typed_error_and_the_program_ends_quietly(outcome: programs.Outcome) -> None:
    said = outcome.facts("a dead JVM")
    assert said["works"] == said["goes on"] == ["10"], outcome.everything
    assert said["dead"][0].startswith("SessionError: "), outcome.everything
    assert said["noticed"] == ["True"]
    assert outcome.code == 0, outcome.everything
    assert "Traceback" not in outcome.errors, outcome.everything
