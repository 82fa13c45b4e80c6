"""The states of an application, in every order of events and from several threads. Needs no cluster."""

from __future__ import annotations

import contextlib
import itertools
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from raydp._application.lifecycle import _TRANSITIONS, Event, Lifecycle, State, transition
from raydp.errors import SessionError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raydp._application.application import Application
    from raydp._spark.gateway import GatewayProcess

ENDS = (Event.FAIL, Event.CONTEXT_STOP, Event.JVM_END)


class FakeApplication:
    def __init__(self) -> None:
        self.closed = 0


def fake() -> tuple[FakeApplication, Application]:
    application = FakeApplication()
    return application, cast("Application", application)


def end(lifecycle: Lifecycle, event: Event) -> None:
    """As :mod:`raydp._application.end` does it."""
    with lifecycle.ending(event) as ending:
        if ending is not None and ending.application is not None:
            cast("FakeApplication", ending.application).closed += 1


@contextlib.contextmanager
def failing() -> Iterator[None]:
    yield
    raise OSError("cleanup failed")


class LifecycleMachine(RuleBasedStateMachine):
    """Compares a lifecycle with what a reader of its diagram expects."""

    def __init__(self) -> None:
        super().__init__()
        self.lifecycle = Lifecycle()
        self.expected = State.IDLE
        self.applications: list[FakeApplication] = []
        self.living: FakeApplication | None = None

    def attempt(self, *, legal: bool, action: Any) -> None:
        if legal:
            action()
            return
        before = self.lifecycle.state
        with pytest.raises(SessionError, match=str(before)):
            action()
        assert self.lifecycle.state is before

    @rule()
    def prepare(self) -> None:
        legal = self.expected is State.IDLE
        self.attempt(legal=legal, action=self.lifecycle.prepare)
        self.expected = State.PREPARING if legal else self.expected

    @rule()
    def request(self) -> None:
        legal = self.expected is State.PREPARING
        application, as_real = fake()
        self.attempt(legal=legal, action=lambda: self.lifecycle.request(as_real))
        if legal:
            self.applications.append(application)
            self.living, self.expected = application, State.STARTING

    @rule()
    def start(self) -> None:
        legal = self.expected is State.STARTING
        self.attempt(legal=legal, action=self.lifecycle.start)
        self.expected = State.RUNNING if legal else self.expected

    @rule(event=st.sampled_from(ENDS), cleanup_fails=st.booleans())
    def end(self, event: Event, cleanup_fails: bool) -> None:
        ends = self.expected is State.RUNNING or (event is Event.FAIL and self.expected is not State.IDLE)
        was_running = self.expected is State.RUNNING
        with contextlib.suppress(OSError), self.lifecycle.ending(event) as ending, contextlib.ExitStack() as cleanup:
            if cleanup_fails:
                cleanup.enter_context(failing())
            assert (ending is not None) == ends
            assert self.lifecycle.application is None or not ends
            if ending is not None:
                assert self.lifecycle.state is (State.FAILED if event is Event.FAIL else State.STOPPING)
                assert ending.was_running == was_running
                assert ending.application is cast("Application | None", self.living)
                for second in ENDS:  # whoever comes second has nothing to close
                    with self.lifecycle.ending(second) as nothing:
                        assert nothing is None
                if ending.application is not None:
                    cast("FakeApplication", ending.application).closed += 1
        if ends:
            self.living, self.expected = None, State.IDLE

    @rule()
    def take_process_twice(self) -> None:
        process = cast("GatewayProcess", object())
        self.lifecycle.own_process(process)
        assert self.lifecycle.take_process() is process
        assert self.lifecycle.take_process() is None

    @invariant()
    def is_as_expected(self) -> None:
        assert self.lifecycle.state is self.expected
        visible = self.living if self.expected in (State.STARTING, State.RUNNING) else None
        assert self.lifecycle.application is cast("Application | None", visible)

    @invariant()
    def each_application_is_closed_once(self) -> None:
        assert all(one.closed == (one is not self.living) for one in self.applications)

    def teardown(self) -> None:
        end(self.lifecycle, Event.FAIL)
        self.lifecycle.prepare()  # it can always start again


TestLifecycle = LifecycleMachine.TestCase


def test_the_table_has_no_dead_end_and_refuses_the_rest() -> None:
    for state in State:
        legal = set()
        for event in Event:
            if (state, event) not in _TRANSITIONS:
                with pytest.raises(SessionError, match=f"{state}; event: {event}"):
                    transition(state, event)
                continue
            following = transition(state, event)
            legal.add(event)
            if event in ENDS:
                assert following in (state, State.STOPPING, State.FAILED)
        assert legal >= set(ENDS)  # what ends an application is never refused
        ended = transition(state, Event.FAIL)
        assert ended is State.IDLE or transition(ended, Event.CLOSE) is State.IDLE


@given(st.lists(st.lists(st.sampled_from(Event), max_size=8), min_size=2, max_size=4))
def test_threads_in_any_order(scripts: list[list[Event]]) -> None:
    lifecycle, applications = Lifecycle(), list[FakeApplication]()
    barrier = threading.Barrier(len(scripts))

    def request() -> None:
        application, as_real = fake()
        lifecycle.request(as_real)
        applications.append(application)

    actions = {Event.PREPARE: lifecycle.prepare, Event.REQUEST: request, Event.START: lifecycle.start}

    def play(script: list[Event]) -> None:
        barrier.wait()
        for event in script:
            try:
                actions[event]() if event in actions else end(lifecycle, event) if event in ENDS else None
            except SessionError:
                continue  # illegal at that moment

    threads = [threading.Thread(target=play, args=(script,)) for script in scripts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    end(lifecycle, Event.FAIL)
    assert lifecycle.state is State.IDLE and lifecycle.application is None
    assert [one.closed for one in applications] == list(itertools.repeat(1, len(applications)))
    lifecycle.prepare()


def test_a_start_waits_until_another_thread_has_closed_the_last_application() -> None:
    lifecycle = Lifecycle()
    lifecycle.prepare()
    closing, prepared = threading.Event(), threading.Event()

    def prepare() -> None:
        closing.wait()
        lifecycle.prepare()
        prepared.set()

    thread = threading.Thread(target=prepare)
    thread.start()
    with lifecycle.ending(Event.FAIL):
        closing.set()
        assert not prepared.wait(0.1)
    assert prepared.wait(10)
    thread.join()
    assert lifecycle.state is State.PREPARING


def test_what_is_noted_of_a_session_is_forgotten_once() -> None:
    forgotten: list[str] = []
    session = SimpleNamespace(forget=lambda: forgotten.append("session"))
    lifecycle = Lifecycle()
    lifecycle.note_session(session)
    assert lifecycle.session is session
    lifecycle.forget_session()
    lifecycle.forget_session()
    assert (forgotten, lifecycle.session) == (["session"], None)
