"""Servers and sessions of Spark Connect that raydp cannot use: one typed error each, which says what to do."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pyspark
import pytest

from support import programs
from support.connect_server import CLIENT_ENVIRONMENT, connect_server
from support.daemons import HOST, free_port

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("grpc_status", reason="raydp[connect] is not installed")
pytestmark = pytest.mark.cluster

_OTHER = "4.1.7"
_MACHINE = "elsewhere.invalid"


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> programs.Outcome:
    """One program that tries all servers."""
    token = secrets.token_hex(16)
    version: Path = tmp_path_factory.mktemp("version")
    (version / "spark-version-info.properties").write_text(f"version={_OTHER}\n")  # Spark reads its version there
    guarded = {"SPARK_CONNECT_AUTHENTICATE_TOKEN": token, "SPARK_LOCAL_HOSTNAME": _MACHINE}
    with (
        connect_server("local[1]", spark_driver_extraClassPath=str(version)) as other,
        connect_server("local[1]", spark_sql_artifact_isolation_enabled="false") as shared,
        connect_server("local[1]", environment=guarded, spark_driver_bindAddress=HOST) as elsewhere,
    ):
        nobody = f"sc://{HOST}:{free_port()}"
        urls = [other.url, shared.url, elsewhere.url, token, nobody]
        return programs.run("connect/refused", *urls, env=CLIENT_ENVIRONMENT)


def error(outcome: programs.Outcome, case: str) -> str:
    return outcome.facts("refusals")[case][0]


@pytest.mark.promised("from_spark", "SessionError")
def test_no_server(outcome: programs.Outcome) -> None:
    assert error(outcome, "no server").startswith("SessionError: Nothing listens on the address"), outcome.everything


@pytest.mark.promised("attach", "MissingRequirementError")
def test_another_version_of_spark(outcome: programs.Outcome) -> None:
    said = error(outcome, "another version")
    assert said.startswith("MissingRequirementError: raydp cannot be attached to this version"), outcome.everything
    supported = ".".join(pyspark.__version__.split(".")[:2])
    assert said.endswith(f"Found: Spark {_OTHER}; supported: Spark {supported}"), outcome.everything


def test_a_server_that_does_not_isolate_its_sessions_is_as_good(outcome: programs.Outcome) -> None:
    assert error(outcome, "no isolation") == "3", outcome.everything


def test_a_session_that_the_program_has_stopped(outcome: programs.Outcome) -> None:
    said = error(outcome, "a stopped session")
    assert said.startswith("ExchangeError: The Spark Connect server does not answer"), outcome.everything


def test_a_token_that_the_server_refuses(outcome: programs.Outcome) -> None:
    for case in ("a wrong token", "no token"):
        assert error(outcome, case).startswith("SessionError: The Spark Connect server refuses"), outcome.everything


@pytest.mark.promised("attach", "ExchangeError")
def test_executors_on_a_machine_without_a_ray_node(outcome: programs.Outcome) -> None:
    said = error(outcome, "no node")
    assert said.startswith("ExchangeError: Spark has executors on machines where no Ray node runs"), outcome.everything
    assert said.endswith(f"Machines, as Spark calls them: {_MACHINE}"), outcome.everything


def test_a_function_of_raydp_1_6(outcome: programs.Outcome) -> None:
    said = error(outcome, "a function of 1.6")
    assert said.startswith("SessionError: "), outcome.everything
    assert "Call raydp.from_spark(df)" in said, outcome.everything


def test_a_session_that_the_server_has_ended(outcome: programs.Outcome) -> None:
    for case in ("a released session", "attach"):
        said = error(outcome, case)
        assert said.startswith("SessionError: The Spark Connect server has ended this session"), outcome.everything
    assert "Traceback" not in outcome.errors, outcome.everything
    assert outcome.code == 0, outcome.everything
