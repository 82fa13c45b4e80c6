"""The processes of the running application, by what they are."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import psutil
import ray

from raydp._application import current_application
from support import programs
from support.applications import agents, driver_process
from support.chaos.plan import Target

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["agent_pids", "app_masters", "executor_pids", "java_processes", "orphans", "targets"]

_DAEMON = "raydp._spark.worker_daemon"
# How Ray names processes that run a task of Ray Data, or that train.
_AT_WORK_IN_RAY = ("ray::MapBatches", "ray::RayTrainWorker")
_ANSWER_SECONDS = 5.0


def targets(kind: Target) -> list[int]:
    """Return the processes of a kind, by ascending process id."""
    return sorted(_FINDERS[kind]())


def executor_pids() -> list[int]:
    """Return the processes of the executors that are registered."""
    return [executor.pid for executor in current_application().status().registered if executor.pid is not None]


def app_masters() -> list[int]:
    """Return the AppMasters' processes."""
    return [process.pid for process in _family() if "-Draydp.role=app-master" in programs.words_of(process)]


def agent_pids() -> list[int]:
    """Return the processes of the agents that executors can find; one that does not answer is left out."""
    pids = []
    for agent in agents():
        try:
            pids.append(ray.get(agent.handle.process_id.remote(), timeout=_ANSWER_SECONDS))
        except (ray.exceptions.RayActorError, ray.exceptions.GetTimeoutError):
            continue
    return pids


def java_processes() -> list[str]:
    """Return the Java processes, the driver's JVM among them, as process ids with the beginnings of command lines."""
    return [f"{process.pid} {' '.join(programs.words_of(process))[:200]}" for process in _family() if _is_java(process)]


def orphans() -> list[str]:
    """Return the Python workers and daemons whose executor is gone, as process ids with command lines."""
    family = _family()
    executors = {process.pid for process in family if _is_java(process)}
    alone = []
    for process in family:
        words = programs.words_of(process)
        if _DAEMON in words and not executors & {parent.pid for parent in _parents(process)} and process.is_running():
            alone.append(f"{process.pid} {' '.join(words)}")
    return alone


def _workers() -> list[int]:
    return [pid for pid, parent in _python_processes() if parent is not None]


def _daemons() -> list[int]:
    return [pid for pid, parent in _python_processes() if parent is None]


def _ray_workers() -> list[int]:
    return [one.pid for one in _family() if "".join(programs.words_of(one)[:1]).startswith(_AT_WORK_IN_RAY)]


def _driver_jvms() -> list[int]:
    process = driver_process()
    return [] if process is None or process.poll() is not None else [process.pid]


def _python_processes() -> list[tuple[int, int | None]]:
    """Return each process of PySpark's executor side, and its daemon if it is a worker."""
    found = {process.pid: process for process in _family() if _DAEMON in programs.words_of(process)}
    pairs: list[tuple[int, int | None]] = []
    for pid, process in found.items():
        try:
            parent = process.ppid()
        except psutil.NoSuchProcess:
            continue
        pairs.append((pid, parent if parent in found else None))
    return pairs


def _family() -> list[psutil.Process]:
    return programs.marked_processes(os.environ["RAYDP_TEST_MARK"])


def _is_java(process: psutil.Process) -> bool:
    return "".join(programs.words_of(process)[:1]).endswith("java")


def _parents(process: psutil.Process) -> list[Any]:
    try:
        return process.parents()
    except psutil.Error:
        return []


_FINDERS: dict[Target, Callable[[], list[int]]] = {
    Target.EXECUTOR: executor_pids,
    Target.APP_MASTER: app_masters,
    Target.AGENT: agent_pids,
    Target.WORKER: _workers,
    Target.DAEMON: _daemons,
    Target.RAY_WORKER: _ray_workers,
    Target.JVM: _driver_jvms,
}
