"""Ctrl-C and kill -9 in a program with a Spark Connect client: the server's jobs end, and nobody else's."""

from __future__ import annotations

import tempfile
import uuid
from typing import TYPE_CHECKING

import pytest

from support import programs
from support.connect_server import CLIENT_ENVIRONMENT, ConnectServer, connect_server, running_jobs
from support.datasets import eventually
from support.footprints import traces_of_exchange

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.importorskip("grpc_status", reason="raydp[connect] is not installed")
pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def server() -> Iterator[ConnectServer]:
    with connect_server("local[4]", ui=True) as running:
        yield running


@pytest.fixture(scope="module")
def outcome(server: ConnectServer) -> programs.Outcome:
    mark = uuid.uuid4().hex
    variables = {**CLIENT_ENVIRONMENT, "RAYDP_TEST_MARK": mark}
    result = programs.run("connect/interrupted", server.url, server.ui, env=variables)
    assert programs.await_none(mark) == []
    return result


@pytest.mark.parametrize("call", ["from_spark", "sorted", "num_blocks", "collect", "toPandas", "fit"])
def test_ctrl_c_returns_at_once_and_ends_the_job(outcome: programs.Outcome, call: str) -> None:
    said = outcome.facts("calls")
    assert said[call] == ["interrupted at once"], outcome.everything
    assert said[f"{call}, jobs"] == ["none"], outcome.everything


def test_ctrl_c_in_one_call_does_not_end_those_of_other_threads(outcome: programs.Outcome) -> None:
    assert outcome.facts("threads") == {
        "from_spark": ["interrupted at once"],
        "counts": ["[10, 20, 30]"],
        "from_spark, jobs": ["none"],
    }, outcome.everything


def test_nothing_of_the_interrupted_calls_is_left(outcome: programs.Outcome) -> None:
    said = outcome.facts("after")
    assert said["works"] == ["10 10"], outcome.everything
    assert said["views"] == ["[]"], outcome.everything
    assert said["blocks"] == ["True"], outcome.everything
    assert outcome.code == 0, outcome.everything
    assert "Traceback" not in outcome.errors, outcome.everything


@pytest.mark.nightly
@pytest.mark.promised("from_spark", "ExchangeError")
def test_a_time_out_ends_the_job(server: ConnectServer) -> None:
    outcome = programs.run("connect/frozen_agent", server.url, server.ui, env=CLIENT_ENVIRONMENT)
    said = outcome.facts("a frozen agent")
    assert said["error"][0].startswith("ExchangeError: An exchange agent does not answer"), outcome.everything
    assert said["jobs"] == ["none"], outcome.everything
    assert said["works"] == ["3"], outcome.everything


def test_a_killed_program_leaves_nothing_and_disturbs_no_other(server: ConnectServer) -> None:
    mark = uuid.uuid4().hex
    with tempfile.TemporaryDirectory(prefix="c-", dir="/tmp") as folder:  # short: the paths of sockets have a limit
        variables = {**CLIENT_ENVIRONMENT, "RAYDP_TEST_MARK": mark, "TMPDIR": folder}
        victim = programs.start("connect/guest", server.url, "2", "", "hours", env=variables)
        assert eventually(lambda: bool(running_jobs(server.ui)), within=120), "the victim's job does not start"
        other = programs.start("connect/guest", server.url, "3", env=CLIENT_ENVIRONMENT)
        victim.kill()
        output, errors = other.communicate(timeout=240)
        assert output.splitlines() == ["sum: 14850", "names: ['shared_name']"], f"{output}\n{errors}"
        assert other.returncode == 0, errors
        victim.communicate(timeout=60)
        assert programs.await_none(mark) == []
    assert eventually(lambda: not running_jobs(server.ui), within=60), running_jobs(server.ui)
    pid = server.process.pid  # its executor is in it
    assert eventually(lambda: traces_of_exchange(pid) == [], within=180), traces_of_exchange(pid)
