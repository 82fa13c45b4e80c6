"""What a start leaves behind when it fails, and what an end closes, with doubles for Ray, Spark and the JVM."""

from __future__ import annotations

import signal
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from raydp._application import driver_jvm, end, start
from raydp._application.application import current_application
from raydp._application.lifecycle import Lifecycle, State
from raydp._application.settings import Contribution
from raydp._ray.cluster import RayCluster
from raydp._session.exchanging import errors_of_stop
from raydp.errors import ClusterError, InvalidArgumentError, SessionError

SETTINGS = {"spark.raydp.app.id": "a", "spark.raydp.banner": "false", "spark.raydp.archiveClasses": "false"}


class World:
    """Everything outside; counts what is closed, and fails where it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.closed: Counter[str] = Counter()
        self.fails_at: str | None = None
        self.has_context = False
        self.exit_code: int | None = None
        self.has_ray = True
        self.lifecycle = Lifecycle()
        for module in (start, end, driver_jvm):
            monkeypatch.setattr(module, "lifecycle", self.lifecycle)
        monkeypatch.setattr("raydp._application.application.lifecycle", self.lifecycle)
        monkeypatch.setattr("raydp._application.application.is_context_active", lambda: self.has_context)
        monkeypatch.setattr(RayCluster, "is_joined", lambda _: self.has_ray)
        monkeypatch.setattr(RayCluster, "find_loss", lambda _, **__: None)
        monkeypatch.setattr("raydp._application.stuck_jvm._find_reason", lambda _: None)
        monkeypatch.setattr(end._spark_internals, "is_context_active", lambda: self.has_context)
        monkeypatch.setattr(end._spark_internals, "stop_active_context", self.stop_context)
        monkeypatch.setattr(driver_jvm, "reusable_jvm", lambda: None)
        monkeypatch.setattr(driver_jvm, "launch_gateway_process", self.launch)
        monkeypatch.setattr(driver_jvm._gateway_internals, "adopt_gateway", lambda _: self.step("adopt") or "jvm")
        monkeypatch.setattr(driver_jvm, "end_process", lambda _: self.closed.update(["JVM"]))
        monkeypatch.setattr(start, "find_java", lambda: "java")
        monkeypatch.setattr(start, "complete_settings", self.complete)
        monkeypatch.setattr(start, "NativeDeployment", lambda: self)
        monkeypatch.setattr(start, "EntryPoints", lambda _: SimpleNamespace(set_system_properties=lambda _: None))
        monkeypatch.setattr(start, "read_by_spark", lambda *_: Contribution(dict.fromkeys(start.SIZE_KEYS, "1")))
        monkeypatch.setattr(start, "StartupProgress", lambda *_, **__: SimpleNamespace(close=lambda: None))
        for name in ("NodePreflight", "MetricsExport", "ExecutorWait", "ClusterWatch"):
            monkeypatch.setattr(start, name, lambda *_, name=name, **__: self.part(name))

    def step(self, name: str) -> None:
        if self.fails_at == name:
            raise ClusterError(f"failed at {name}")

    def part(self, name: str) -> Any:
        closed = self.closed
        return SimpleNamespace(close=lambda: closed.update([name]), start=lambda: None, report=lambda: "")

    def complete(self, *_: Any) -> tuple[RayCluster, dict[str, str]]:
        self.step("join")
        return RayCluster("127.0.0.1:1", "n", "127.0.0.1", "/s"), dict(SETTINGS)

    def launch(self, *_: Any) -> Any:
        self.step("launch")
        return SimpleNamespace(
            process=SimpleNamespace(
                pid=1, kill=lambda: None, poll=lambda: self.exit_code, wait=lambda _: self.exit_code
            )
        )

    def stop_context(self) -> None:
        self.has_context = False
        end.context_stopped()

    def driver_properties(self, _: Any) -> dict[str, str]:
        return {}

    def reserve(self, *_: Any) -> Any:
        self.step("reserve")
        return SimpleNamespace(settings={}, most_executors=None, release=lambda: self.closed.update(["reservation"]))

    def start(self, *_: Any) -> None:
        self.step("start")

    def run(self) -> None:
        start.prepare("ray", {})
        self.has_context = True
        start.started()


PARTS = {"NodePreflight": 1, "MetricsExport": 1, "ExecutorWait": 1, "ClusterWatch": 1, "reservation": 1}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


@pytest.mark.parametrize(
    ("step", "closed"),
    [
        ("join", {}),
        ("launch", {}),
        ("adopt", {"JVM": 1}),
        ("reserve", {"JVM": 1}),
        ("start", {"JVM": 1, **PARTS}),
    ],
)
def test_a_failed_start_closes_what_it_opened_and_another_succeeds(
    world: World, step: str, closed: dict[str, int]
) -> None:
    world.fails_at = step
    with pytest.raises(ClusterError, match=f"failed at {step}"):
        start.prepare("ray", {})
    assert world.closed == closed and world.lifecycle.state is State.IDLE
    world.fails_at = None
    world.run()
    assert current_application().application_id == "a" and world.closed == closed


def test_an_error_in_the_settings_touches_nothing(world: World) -> None:
    world.run()
    with pytest.raises(InvalidArgumentError):
        start.prepare("ray", {"spark.raydp.banner": "perhaps"})
    assert world.lifecycle.state is State.RUNNING and not world.closed


def test_a_context_that_fails_stops_itself_first(world: World) -> None:
    start.prepare("ray", {})
    end.context_stopped()
    assert not world.closed
    error = OSError("no context")
    assert end.failed_to_start(error) is error
    end.context_stopped()
    assert world.closed == {"JVM": 1, **PARTS}


def test_stop_closes_once_and_ends_the_jvm(world: World) -> None:
    world.run()
    end.stop(keep_data=False)
    assert world.closed == PARTS and world.lifecycle.state is State.IDLE
    end.end_jvm()
    end.stop(keep_data=True)
    end.end_jvm()
    assert world.closed == {"JVM": 1, **PARTS}
    with pytest.raises(SessionError, match="no running Spark session"):
        current_application()


def test_the_end_of_the_jvm_closes_an_application_whose_context_is_gone(world: World) -> None:
    world.run()
    world.has_context = False
    end.end_jvm()
    assert world.closed == {"JVM": 1, **PARTS} and world.lifecycle.state is State.IDLE


def test_a_start_closes_an_application_whose_end_nobody_reported(world: World) -> None:
    world.run()
    world.has_context = False
    world.run()
    assert world.closed == {"JVM": 1, **PARTS} and world.lifecycle.state is State.RUNNING


def test_a_second_start_during_a_start_is_refused_and_harms_nothing(world: World) -> None:
    start.prepare("ray", {})
    with pytest.raises(SessionError, match="another thread"):
        start.prepare("ray", {})
    assert world.lifecycle.state is State.STARTING and not world.closed
    start.started()


def test_a_dead_application_is_ended_before_the_next_start(world: World) -> None:
    world.run()
    end.end_if_dead()
    assert world.lifecycle.state is State.RUNNING
    world.exit_code = -9
    with pytest.raises(SessionError, match="exit code -9"):
        current_application()
    end.end_if_dead()
    assert world.closed == {"JVM": 1, **PARTS} and world.lifecycle.state is State.IDLE
    world.exit_code = None
    world.run()
    world.has_ray = False
    with pytest.raises(SessionError, match="left the Ray cluster"):
        current_application()
    end.end_if_dead()
    assert world.lifecycle.state is State.IDLE


def test_a_jvm_that_ends_during_the_start_is_reported(world: World) -> None:
    start.prepare("ray", {})
    world.exit_code = 51
    explained = end.failed_to_start(ConnectionRefusedError())
    assert isinstance(explained, SessionError) and "Exit code: 51" in str(explained)
    assert world.closed == {"JVM": 1, **PARTS}


def test_a_part_that_cannot_be_closed_does_not_stop_the_others(world: World) -> None:
    world.run()
    application = world.lifecycle.application
    assert application is not None

    def fail() -> None:
        raise ConnectionRefusedError

    application.nodes.close = fail  # type: ignore[method-assign]
    end.stop(keep_data=False)
    assert (
        world.closed == {name: 1 for name in PARTS if name != "NodePreflight"} and world.lifecycle.state is State.IDLE
    )


def test_the_interrupt_comes_after_the_end(world: World) -> None:
    world.run()

    def stop() -> None:
        with end.stopping():
            signal.raise_signal(signal.SIGINT)
            world.has_context = False

    with pytest.raises(KeyboardInterrupt):
        stop()
    assert world.closed == {"JVM": 1, **PARTS} and world.lifecycle.state is State.IDLE


@pytest.mark.parametrize("error", [ConnectionRefusedError(), AttributeError("'NoneType' object has no attribute 'sc'")])
def test_what_fails_because_spark_is_stopped_says_so(world: World, error: Exception) -> None:
    def call() -> None:
        with errors_of_stop(application):
            raise error

    world.run()
    application = current_application()
    with pytest.raises(type(error)):
        call()
    with end.stopping():
        with pytest.raises(SessionError, match="was stopped while this call used it"):
            call()
        world.has_context = False
