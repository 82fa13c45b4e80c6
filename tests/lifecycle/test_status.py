"""The status of an application: what the JVM writes is what Python reads. Needs no cluster."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from raydp._application.status import (
    ApplicationFailure,
    ApplicationPhase,
    ApplicationStatus,
    ExecutorState,
    StatusEvent,
)
from raydp.errors import SessionError

JVM = Path(__file__).parents[2] / "jvm/src/main/scala/io/raydp/lifecycle"
PENDING = {
    "id": "2",
    "state": "pending",
    "leaving": False,
    "node": None,
    "host": None,
    "pid": None,
    "jvmStartMillis": None,
    "log": None,
}
REGISTERED = {
    "id": "1",
    "state": "registered",
    "leaving": False,
    "node": "ab",
    "host": "10.0.0.1",
    "pid": 7,
    "jvmStartMillis": 5,
    "log": "/log",
}
STATUS: dict[str, Any] = {
    "sequence": 3,
    "application": "a",
    "phase": "starting",
    "desired": 2,
    "executors": [REGISTERED, PENDING, {**REGISTERED, "id": "0", "state": "lost"}],
    "failure": None,
    "events": [[12, "started"]],
}


def test_a_status_is_parsed() -> None:
    status = ApplicationStatus.parse(json.dumps(STATUS))
    assert (status.sequence, status.application, status.phase, status.desired) == (3, "a", ApplicationPhase.STARTING, 2)
    assert [one.id for one in status.registered] == ["1"]
    assert [one.id for one in status.living] == ["1", "2"]
    assert [one.takes_tasks for one in status.executors] == [True, False, False]
    first = status.executors[0]
    assert (first.node, first.host, first.pid, first.jvm_start_millis, first.log) == ("ab", "10.0.0.1", 7, 5, "/log")
    assert status.failure is None and status.events == (StatusEvent(12, "started"),)


def test_leaving_executors_take_no_tasks_and_failures_are_read() -> None:
    failure = {"error": "SessionError", "message": "m"}
    failed = {**STATUS, "executors": [{**REGISTERED, "leaving": True}], "failure": failure}
    status = ApplicationStatus.parse(json.dumps(failed))
    assert len(status.registered) == 1 and not status.executors[0].takes_tasks
    assert status.failure == ApplicationFailure(SessionError, "m")


def test_a_state_that_python_does_not_know_is_an_error() -> None:
    with pytest.raises(ValueError, match="asleep"):
        ApplicationStatus.parse(json.dumps({**STATUS, "executors": [{**REGISTERED, "state": "asleep"}]}))


def test_both_languages_have_the_same_names() -> None:
    if not JVM.is_dir():
        pytest.skip("not a checkout")
    source = "".join(path.read_text() for path in sorted(JVM.glob("*.scala")))
    phases = re.findall(r'extends ApplicationPhase\("(\w+)"\)', source)
    states = re.findall(r'extends ExecutorPhase\([^")]*"(\w+)"\)', source)
    assert set(phases) == set(ApplicationPhase)
    assert {*states, "lost"} == set(ExecutorState)
