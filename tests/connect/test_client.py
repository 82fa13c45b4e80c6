"""A program with a Spark Connect client only, and a plain server that has its executors on a standalone cluster."""

from __future__ import annotations

import re
import tempfile
import uuid
from typing import TYPE_CHECKING

import pytest

from support import programs
from support.connect_server import CLIENT_ENVIRONMENT, ConnectServer, connect_server
from support.datasets import eventually
from support.footprints import traces_of_exchange
from support.standalone import executor_processes, standalone_cluster

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.importorskip("grpc_status", reason="raydp[connect] is not installed")
pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def server() -> Iterator[ConnectServer]:
    with (
        standalone_cluster(workers=2, cores=1, memory="600m") as master,
        connect_server(master, spark_executor_memory="500m", spark_executor_cores="1") as running,
    ):
        yield running


@pytest.fixture(scope="module")
def outcome(server: ConnectServer) -> programs.Outcome:
    """One program with a part for each test. Nothing of it may be left."""
    mark = uuid.uuid4().hex
    with tempfile.TemporaryDirectory(prefix="c-", dir="/tmp") as folder:  # short: the paths of sockets have a limit
        variables = {**CLIENT_ENVIRONMENT, "RAYDP_TEST_MARK": mark, "TMPDIR": folder}
        result = programs.run("connect/client", server.url, env=variables)
        assert programs.await_none(mark) == []
        assert programs.files_left(folder) == []
    return result


def facts(outcome: programs.Outcome, part: str) -> dict[str, str]:
    """Return what a part said, by the words before the first colon. Ray adds lines of its own."""
    return dict(line.split(": ", 1) for line in outcome.part(part).splitlines() if ": " in line)


@pytest.mark.promised("from_spark", "ClusterError")
@pytest.mark.promised("to_spark", "ClusterError")
def test_what_is_refused_before_any_job(outcome: programs.Outcome) -> None:
    said = facts(outcome, "before")
    assert said["to Ray"].startswith("ClusterError: This process is not connected to Ray"), outcome.everything
    assert said["to Spark"].startswith("ClusterError: This process is not connected to Ray"), outcome.everything
    assert said["a wrong setting"].startswith("InvalidArgumentError: "), outcome.everything
    assert "spark.raydp.exchange.blockSize" in said["a wrong setting"]


def test_data_crosses_both_ways(outcome: programs.Outcome) -> None:
    said = facts(outcome, "conversions")
    assert "USER_RAISED_EXCEPTION" in said.pop("a failing query"), outcome.everything
    assert said == {
        "to Ray": "True",
        "still cached": "True",
        "views": "[]",
        "to Spark": "True",
        "same types": "True",
        "joined": "[Row(k=0, n=334), Row(k=1, n=333), Row(k=2, n=333)]",
        "by Ray Data": "1000 499500",
        "through Ray": "999000",
        "some blocks": "5",
        "no rows": "0",
        "learned": "[2.0]",
        "predicted": "200",
    }, outcome.everything


def test_names_belong_to_a_session(outcome: programs.Outcome) -> None:
    said = facts(outcome, "names")
    assert "No Ray Dataset has this name" in said.pop("in another session"), outcome.everything
    assert said.pop("unregistered").startswith("InvalidArgumentError: No Ray Dataset is registered"), outcome.everything
    assert said == {
        "by name": "[Row(k=0, n=334), Row(k=1, n=333), Row(k=2, n=333)]",
        "read": "1000",
        "listed": "['mine']",
        "its own": "7 1000",
    }, outcome.everything


def test_blocks_are_kept_for_derived_frames_and_freed_with_the_last(outcome: programs.Outcome) -> None:
    assert facts(outcome, "leases") == {"held": "True 10", "left": "True"}, outcome.everything


def test_a_killed_executor_loses_no_row(outcome: programs.Outcome) -> None:
    assert facts(outcome, "a killed executor")["rows"] == "True", outcome.everything


def test_a_killed_agent_is_replaced(outcome: programs.Outcome) -> None:
    assert facts(outcome, "a killed agent")["to Ray"] == "1000", outcome.everything


def test_a_kill_in_the_middle_of_a_read_loses_no_row(outcome: programs.Outcome) -> None:
    said = facts(outcome, "kills in reads")
    assert (said["an executor"], said["the agent"]) == ("True", "True"), outcome.everything


def test_it_ends_when_it_is_detached_and_with_ray_and_with_the_session(outcome: programs.Outcome) -> None:
    said = facts(outcome, "ends")
    assert said["looks like"].startswith("<Attachment; state: attached; application: app-"), outcome.everything
    assert "has ended. Call raydp.to_spark(dataset) again" in said["its DataFrame"], outcome.everything
    assert said["left"] == "nothing 1000"
    assert said["again"] == "1000 False"
    assert said["Spark goes on"] == said["another Ray"] == "1000"
    assert said["noticed"] == "True", outcome.everything
    assert said["stopped"].startswith("SessionError: This Spark Connect session was stopped"), outcome.everything
    assert outcome.code == 0, outcome.everything
    assert "Traceback" not in outcome.errors, outcome.everything


def test_programs_at_once_do_not_see_each_other_and_leave_nothing(server: ConnectServer) -> None:
    mark = uuid.uuid4().hex
    running = [
        programs.start("connect/guest", server.url, str(number), env={**CLIENT_ENVIRONMENT, "RAYDP_TEST_MARK": mark})
        for number in (2, 3)
    ]
    ended = [(*one.communicate(timeout=240), one.returncode) for one in running]
    for (output, errors, code), number in zip(ended, (2, 3), strict=True):
        assert output.splitlines() == [f"sum: {4950 * number}", "names: ['shared_name']"], f"{output}\n{errors}"
        assert code == 0, errors
        assert "Traceback" not in errors, errors
    assert programs.await_none(mark) == []


def test_the_servers_executors_keep_nothing_of_programs_that_have_ended(
    outcome: programs.Outcome, server: ConnectServer
) -> None:
    application = re.search(r"application: (app-[-0-9]+)", facts(outcome, "ends")["looks like"])
    assert application is not None, outcome.everything
    executors = [process.pid for process in executor_processes(application[1])]
    assert len(executors) == 2, server.written()[-3000:]

    def traces() -> list[str]:
        return [trace for pid in executors for trace in traces_of_exchange(pid)]

    assert eventually(lambda: traces() == [], within=180), traces()


def test_no_token_is_in_a_log_of_the_server(outcome: programs.Outcome, server: ConnectServer) -> None:
    written = server.written()
    assert "ProgramCalls" in written  # the commands are in the event log
    assert facts(outcome, "ends")["token"] not in written
