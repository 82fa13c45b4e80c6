"""``init_spark(connect=True)``: an application on Ray that serves programs, at once, over Spark Connect."""

from __future__ import annotations

import uuid

import pytest

from support import programs
from support.connect_server import CLIENT_ENVIRONMENT

pytest.importorskip("grpc_status", reason="raydp[connect] is not installed")
pytestmark = pytest.mark.cluster

_NONE_RUNS = "SessionError: No application with a Spark Connect server runs"


@pytest.fixture(scope="module")
def outcome() -> programs.Outcome:
    """One program with a part for each test. Nothing of it may be left."""
    mark = uuid.uuid4().hex
    result = programs.run("connect/application", env={**CLIENT_ENVIRONMENT, "RAYDP_TEST_MARK": mark})
    assert programs.await_none(mark) == []
    return result


@pytest.mark.promised("connect_url", "SessionError")
@pytest.mark.promised("init_spark", "MissingRequirementError")
def test_what_is_refused_before_ray_starts(outcome: programs.Outcome) -> None:
    said = outcome.facts("before")
    assert said["no server"][0].startswith(_NONE_RUNS), outcome.everything
    assert said["a port that is taken"][0].startswith("InvalidArgumentError: The Spark Connect server cannot listen")
    assert "spark.connect.grpc.binding.port" in said["a port that is taken"][0], outcome.everything
    assert said["a package that is missing"][0].startswith("MissingRequirementError: "), outcome.everything
    assert "raydp[connect]" in said["a package that is missing"][0]
    assert said["a JVM of spark-submit"][0].startswith("SessionError: "), outcome.everything
    assert said["Ray"] == ["False"]


def test_the_application_itself_uses_its_server(outcome: programs.Outcome) -> None:
    said = outcome.facts("the application")
    assert "connect: True before, False now" in said.pop("other arguments")[0], outcome.everything
    assert "TABLE_OR_VIEW_NOT_FOUND" in said.pop("a wrong query")[0], outcome.everything
    assert said.pop("UI")[0].startswith("http"), outcome.everything
    assert said == {
        "module": ["pyspark.sql.connect.session"],
        "same": ["True True"],
        "to Ray": ["1000"],
        "to Spark": ["499500 1000"],
    }, outcome.everything


def test_other_programs_use_it_and_do_not_see_each_others_names(outcome: programs.Outcome) -> None:
    assert outcome.facts("guests") == {
        "guest": [f"{code} sum: {4950 * number} names: ['shared_name']" for number, code in ((2, 0), (3, -9), (4, 0))],
        "names": ["['shared_name']"],
    }, outcome.everything


def test_strangers_are_refused(outcome: programs.Outcome) -> None:
    said = outcome.facts("strangers")
    assert "UNAUTHENTICATED" in said["a wrong token"][0], outcome.everything
    assert "UNAUTHENTICATED" in said["no token"][0], outcome.everything
    assert said["the token in settings"] == ["False"]


def test_ctrl_c_in_the_program_that_started_it_ends_no_job_of_another_session(outcome: programs.Outcome) -> None:
    said = outcome.facts("Ctrl-C")
    assert said["interrupted"] == ["yes"], outcome.everything
    assert said["the job of another session"] == ["[9]"], outcome.everything


def test_a_session_ends_alone_and_the_server_with_the_application(outcome: programs.Outcome) -> None:
    said = outcome.facts("a stop")
    assert said["another session"] == ["3"], outcome.everything
    assert said["stopped"][0].startswith("SparkConnectException: "), outcome.everything
    assert said["no server"][0].startswith(_NONE_RUNS), outcome.everything


def test_it_starts_again_after_a_stop_and_after_a_kill(outcome: programs.Outcome) -> None:
    said = outcome.facts("a killed JVM")
    assert said["another server"] == ["3 ;token=a%2Fb%2Bc%3Dd"], outcome.everything
    assert said["no server"][0].startswith("SessionError: "), outcome.everything
    assert said["classic"] == ["pyspark.sql.session 3"], outcome.everything
    assert outcome.code == 0, outcome.everything


def test_errors_of_requests_are_not_also_on_the_console(outcome: programs.Outcome) -> None:
    assert "\tat org.apache.spark" not in outcome.errors, outcome.everything
    assert "Traceback" not in outcome.errors, outcome.everything
