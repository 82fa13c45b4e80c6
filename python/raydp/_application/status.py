"""The status of an application, as the driver JVM reports it. The only place that parses it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from raydp._spark.java_errors import ERRORS

if TYPE_CHECKING:
    from raydp.errors import RaydpError

__all__ = [
    "ApplicationFailure",
    "ApplicationPhase",
    "ApplicationStatus",
    "ExecutorState",
    "ExecutorStatus",
    "StatusEvent",
    "WaitingExecutors",
]


class ApplicationPhase(StrEnum):
    """How far an application has come. The values are those of the JVM's ``ApplicationPhase``."""

    CONNECTING = "connecting"
    STARTING = "starting"
    RUNNING = "running"
    FAILED = "failed"
    STOPPED = "stopped"


class ExecutorState(StrEnum):
    """What an executor does. The values are those of the JVM's ``ExecutorPhase``, and ``lost``."""

    PENDING = "pending"
    STARTING = "starting"
    REGISTERED = "registered"
    LOST = "lost"


@dataclass(frozen=True)
class ExecutorStatus:
    """One executor.

    Attributes:
        id: Its id in Spark.
        state: What it does.
        leaving: Whether it takes no more tasks, or is being stopped.
        node: Ray node id (hex); this and the following are ``None`` until its process has started.
        host: Spark's host string of its machine.
        pid: Process id on that machine.
        jvm_start_millis: When its JVM started, in milliseconds since the epoch.
        log: Path of its log on that machine.
    """

    id: str
    state: ExecutorState
    leaving: bool
    node: str | None = None
    host: str | None = None
    pid: int | None = None
    jvm_start_millis: int | None = None
    log: str | None = None

    @property
    def takes_tasks(self) -> bool:
        """Whether Spark gives it tasks."""
        return self.state is ExecutorState.REGISTERED and not self.leaving


@dataclass(frozen=True)
class ApplicationFailure:
    """Why an application failed.

    Attributes:
        error: The error that stands for it.
        message: What is wrong, the likely cause and the fix.
    """

    error: type[RaydpError]
    message: str


@dataclass(frozen=True)
class StatusEvent:
    """Something that happened, with its wall-clock time in milliseconds since the epoch."""

    millis: int
    text: str


@dataclass(frozen=True)
class ApplicationStatus:
    """What the driver JVM knows of an application.

    Attributes:
        sequence: Grows with every change.
        application: The application's id.
        phase: How far it has come.
        desired: How many executors it should have.
        executors: Pending and living executors, and the last few that were lost.
        failure: Why it failed, if it did.
        events: What happened, oldest first.
    """

    sequence: int
    application: str
    phase: ApplicationPhase
    desired: int
    executors: tuple[ExecutorStatus, ...]
    failure: ApplicationFailure | None
    events: tuple[StatusEvent, ...]

    @staticmethod
    def parse(text: str) -> ApplicationStatus:
        """Parse the JSON text that the JVM's ``RayApplication.statusJson`` returns."""
        fields = json.loads(text)
        failure = fields["failure"]
        return ApplicationStatus(
            sequence=fields["sequence"],
            application=fields["application"],
            phase=ApplicationPhase(fields["phase"]),
            desired=fields["desired"],
            executors=tuple(map(_executor, fields["executors"])),
            failure=None if failure is None else ApplicationFailure(ERRORS[failure["error"]], failure["message"]),
            events=tuple(StatusEvent(millis, text) for millis, text in fields["events"]),
        )

    @property
    def registered(self) -> tuple[ExecutorStatus, ...]:
        """The executors that run and have registered with Spark, including those that are leaving."""
        return tuple(one for one in self.executors if one.state is ExecutorState.REGISTERED)

    @property
    def living(self) -> tuple[ExecutorStatus, ...]:
        """The executors that are not lost, including pending ones."""
        return tuple(one for one in self.executors if one.state is not ExecutorState.LOST)


@dataclass(frozen=True)
class WaitingExecutors:
    """Executors that wait for Ray to place them.

    Attributes:
        ids: Their ids in Spark.
        running: How many executors are registered meanwhile and stay.
        desired: How many the application should have.
        demand: What each of them demands: amounts by the names of Ray's resources.
        since: Since when they wait, by this machine's monotonic clock, which the JVM shares.
        is_infeasible: Whether no node could hold one even if it were empty, or their placement group is not reserved.
        group: The id (hex) of their placement group; ``None`` if they have none.
    """

    ids: tuple[int, ...]
    running: int
    desired: int
    demand: dict[str, float]
    since: float
    is_infeasible: bool
    group: str | None

    @staticmethod
    def parse(text: str) -> WaitingExecutors | None:
        """Parse what the JVM's ``RayApplication.awaitWaiting`` returns; ``None`` if no executor waits."""
        if not text:
            return None
        fields = json.loads(text)
        return WaitingExecutors(
            ids=tuple(fields["ids"]),
            running=fields["running"],
            desired=fields["desired"],
            demand=fields["demand"],
            since=fields["sinceMillis"] / 1000,
            is_infeasible=fields["infeasible"],
            group=fields["group"],
        )


def _executor(fields: dict[str, Any]) -> ExecutorStatus:
    return ExecutorStatus(
        id=fields["id"],
        state=ExecutorState(fields["state"]),
        leaving=fields["leaving"],
        node=fields["node"],
        host=fields["host"],
        pid=fields["pid"],
        jvm_start_millis=fields["jvmStartMillis"],
        log=fields["log"],
    )
