"""Servers that are killed while a program with a Spark Connect client exchanges data."""

from __future__ import annotations

import re
import time
import uuid
from typing import TYPE_CHECKING

import pytest

from support import programs
from support.connect_server import CLIENT_ENVIRONMENT, connect_server

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("grpc_status", reason="raydp[connect] is not installed")
pytestmark = pytest.mark.cluster

_NOTHING_LISTENS = "SessionError: Nothing listens on the address of the Spark Connect server: it has ended"


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> programs.Outcome:
    """One program with a part for each test. It ends soon and leaves nothing, although both servers are gone."""
    mark = uuid.uuid4().hex
    folder: Path = tmp_path_factory.mktemp("kills")
    with connect_server("local[2]") as first, connect_server("local[2]") as second:
        servers = [first.url, str(first.process.pid), second.url, str(second.process.pid)]
        result = programs.run(
            "connect/killed_servers", *servers, str(folder), env={**CLIENT_ENVIRONMENT, "RAYDP_TEST_MARK": mark}
        )
        ended = time.time()
        assert programs.await_none(mark) == []
    last = re.search(r"the end: ([\d.]+)", result.errors)
    assert last is not None, result.everything
    assert ended - float(last[1]) < 60, result.everything
    return result


@pytest.mark.promised("from_spark", "SessionError")
@pytest.mark.promised("attach", "SessionError")
def test_calls_fail_soon_when_the_server_was_killed(outcome: programs.Outcome) -> None:
    said = outcome.facts("a server")
    for call in ("in from_spark", "from_spark", "to_spark", "register", "attach"):
        assert said[call][0].startswith(_NOTHING_LISTENS), outcome.everything
        assert said[f"{call}, time"] == ["short"], outcome.everything
    assert said["stop, time"] == ["short"], outcome.everything
    assert said["stopped"] == ["True Dataset: all"], outcome.everything


def test_the_same_program_goes_on_with_another_server(outcome: programs.Outcome) -> None:
    said = outcome.facts("another server")
    assert said["rows"] == ["all all"], outcome.everything
    assert said["in a read"][0].startswith("SparkConnectGrpcException: "), outcome.everything
    assert said["in a read, time"] == ["short"], outcome.everything
    assert said["ended"] == ["True"], outcome.everything
    assert said["from_spark"][0].startswith(_NOTHING_LISTENS), outcome.everything
    assert outcome.code == 0, outcome.everything
    assert "Traceback" not in outcome.errors, outcome.everything
