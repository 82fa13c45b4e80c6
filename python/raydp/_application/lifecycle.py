"""The states of the one application that a Python process can have, and who may change them.

Spark allows one ``SparkContext`` per process, so there is one :data:`lifecycle`. It holds what belongs to the
application and decides which events are legal. It starts and stops nothing itself: that is done by
:mod:`raydp._application.start` and :mod:`raydp._application.end`, which report to it.

::

    idle ──prepare──► preparing ──request──► starting ──start──► running
      ▲                   │                     │                   │
      │                   └────────fail─────────┴──► failed         └──context stops, JVM ends──► stopping
      └──────────────────────close─────────────────────┴────────────────────────────────────────────┘
"""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from raydp.errors import SessionError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raydp._application.application import Application
    from raydp._spark.gateway import GatewayProcess

__all__ = ["Ending", "Event", "Lifecycle", "State", "lifecycle", "transition"]

_LONGEST_END_SECONDS = 60.0


class State(StrEnum):
    """Where an application is between its start and its end."""

    IDLE = "idle"
    PREPARING = "preparing"
    """Settings, Ray and the driver JVM are being prepared."""
    STARTING = "starting"
    """The executors were requested from Ray, and the ``SparkContext`` is being made."""
    RUNNING = "running"
    STOPPING = "stopping"
    """What the application held is being closed."""
    FAILED = "failed"
    """It did not start; the reason is being found, and what it held is being closed."""


class Event(StrEnum):
    """What happens to an application."""

    PREPARE = "prepare"
    REQUEST = "request"
    START = "start"
    FAIL = "fail"
    CONTEXT_STOP = "context stop"
    JVM_END = "JVM end"
    CLOSE = "close"


_ENDS = (Event.FAIL, Event.CONTEXT_STOP, Event.JVM_END)
_TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.IDLE, Event.PREPARE): State.PREPARING,
    (State.PREPARING, Event.REQUEST): State.STARTING,
    (State.STARTING, Event.START): State.RUNNING,
    (State.PREPARING, Event.FAIL): State.FAILED,
    (State.STARTING, Event.FAIL): State.FAILED,
    (State.RUNNING, Event.FAIL): State.FAILED,
    (State.RUNNING, Event.CONTEXT_STOP): State.STOPPING,
    (State.RUNNING, Event.JVM_END): State.STOPPING,
    (State.STOPPING, Event.CLOSE): State.IDLE,
    (State.FAILED, Event.CLOSE): State.IDLE,
    # A context that fails to start stops itself, and its JVM may end before it reports the failure.
    **{(state, event): state for state in (State.PREPARING, State.STARTING) for event in _ENDS if event != Event.FAIL},
    # Whoever comes second has nothing left to end.
    **{(state, event): state for state in (State.IDLE, State.STOPPING, State.FAILED) for event in _ENDS},
}


def transition(state: State, event: Event) -> State:
    """Return the state after an event.

    Raises:
        SessionError: The event cannot happen in this state.
    """
    following = _TRANSITIONS.get((state, event))
    if following is None:
        raise SessionError(
            "The Spark session on Ray of this process cannot do that now; another thread may be starting or stopping "
            f"it. Start and stop sessions in one thread. State: {state}; event: {event}"
        )
    return following


@dataclass(frozen=True)
class Ending:
    """What the thread that ends an application has to close.

    Attributes:
        application: The application, if its actors were requested.
        was_running: Whether its ``SparkContext`` had started.
    """

    application: Application | None
    was_running: bool


class Lifecycle:
    """The state of a process's application, and what belongs to it; safe for any thread.

    The lock is held while the state is read or changed, and never while Spark, Ray or a JVM are called: PySpark calls
    raydp while it holds locks of its own.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Start again without an application, in a forked child. The lock may be held by a thread of the parent."""
        self._changed = threading.Condition()
        self._state = State.IDLE
        self._application: Application | None = None
        self._process: GatewayProcess | None = None
        self._session: Any = None
        self._kept: list[Any] = []

    @property
    def state(self) -> State:
        """The current state."""
        return self._state

    @property
    def application(self) -> Application | None:
        """The application that is starting or running."""
        with self._changed:
            return self._application if self._state in (State.STARTING, State.RUNNING) else None

    def prepare(self) -> None:
        """Begin a start, after another thread has finished to close the last application."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._state not in (State.STOPPING, State.FAILED), timeout=_LONGEST_END_SECONDS
            )
            self._apply(Event.PREPARE)

    def request(self, application: Application) -> None:
        """Hand over an application whose actors are about to be requested from Ray."""
        with self._changed:
            self._apply(Event.REQUEST)
            self._application = application

    def start(self) -> Application:
        """Note that the ``SparkContext`` has started; return its application."""
        with self._changed:
            self._apply(Event.START)
            assert self._application is not None
            return self._application

    @contextlib.contextmanager
    def ending(self, event: Event) -> Iterator[Ending | None]:
        """End the application in the body of a ``with`` statement.

        Args:
            event: What ends it: a failure, or the end of its context or its JVM.

        Yields:
            What to close. ``None`` if there is nothing to end, or if another thread is ending it.
        """
        with self._changed:
            before = self._state
            self._apply(event)
            ending = None
            if self._state is not before:
                ending = Ending(self._application, was_running=before is State.RUNNING)
                self._application = None
        try:
            yield ending
        finally:
            if ending is not None:
                with self._changed:
                    self._apply(Event.CLOSE)

    def own_process(self, process: GatewayProcess) -> None:
        """Take over the process of a driver JVM, to be ended with or after the application."""
        with self._changed:
            self._process = process

    def take_process(self) -> GatewayProcess | None:
        """Return the process of the driver JVM, for the caller to end; ``None`` if there is none any more."""
        with self._changed:
            process, self._process = self._process, None
            return process

    @property
    def process(self) -> GatewayProcess | None:
        """The process of the driver JVM; ``None`` if there is none, or if it was not launched here."""
        with self._changed:
            return self._process

    @property
    def session(self) -> Any:
        """What ``init_spark`` noted of the session that it returned."""
        return self._session

    def note_session(self, session: Any) -> None:
        """Note the session that ``init_spark`` returns, for its next call. Its ``forget()`` is called at its end."""
        with self._changed:
            self._session = session

    def forget_session(self) -> None:
        """Forget what was noted of the session, because it has ended or is ending."""
        with self._changed:
            session, self._session = self._session, None
        if session is not None:
            session.forget()

    def keep_until_exit(self, blocks: list[Any]) -> None:
        """Hold references to blocks until the process ends."""
        with self._changed:
            self._kept.extend(blocks)

    def _apply(self, event: Event) -> None:
        self._state = transition(self._state, event)
        self._changed.notify_all()


lifecycle = Lifecycle()
"""Of this process."""
