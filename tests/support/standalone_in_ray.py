"""Looks into a standalone cluster in Ray, and kills parts of it."""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from raydp._standalone.daemon_actor import DaemonStatus
from support import programs
from support.datasets import eventually

if TYPE_CHECKING:
    from collections.abc import Collection

    from raydp import StandaloneCluster

__all__ = [
    "QUICK_DAEMONS",
    "daemons_of",
    "folders_left",
    "have_ended",
    "kill_master",
    "kill_master_actor",
    "kill_worker",
    "kill_worker_actor",
    "status_of_master",
    "worker_hosts",
    "worker_ports",
]

QUICK_DAEMONS = {"SPARK_DAEMON_JAVA_OPTS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}
"""A variable with which daemons, which live for seconds here, need less CPU time: Spark finds Java by itself."""


def daemons_of(mark: str) -> list[psutil.Process]:
    """Return the masters and workers with a mark."""
    names = ("org.apache.spark.deploy.master.Master", "org.apache.spark.deploy.worker.Worker")
    return [one for one in programs.marked_processes(mark) if set(names) & set(programs.words_of(one))]


def worker_ports(cluster: StandaloneCluster) -> set[int]:
    """Return the ports of the workers that the master has; none while it does not answer."""
    state = cluster._parts.client.ask(10)
    return set() if state is None else {worker.port for worker in state.workers}


def worker_hosts(cluster: StandaloneCluster) -> list[str]:
    """Return the address of each worker that the master has, in order; none while it does not answer."""
    state = cluster._parts.client.ask(10)
    return [] if state is None else sorted(worker.host for worker in state.workers)


def have_ended(processes: Collection[int]) -> bool:
    """Tell whether all processes have ended. Zombies have."""
    living = [one for one in psutil.process_iter() if one.pid in processes]
    return all(programs.words_of(one) == [] for one in living)


def kill_worker_actor(cluster: StandaloneCluster, executors: Collection[int]) -> set[int]:
    """Kill the process of an actor whose worker has one of some executors; return what must end with it."""
    daemons = cluster._parts.daemons
    for daemon in daemons.workers:
        status = _status(cluster, daemon.name)
        assert status.process is not None
        family = {child.pid for child in psutil.Process(status.process).children(recursive=True)}
        if family & set(executors):
            os.kill(status.actor_process, signal.SIGKILL)
            return {status.actor_process, status.process, *(family & set(executors))}
    raise AssertionError("no worker has an executor")


def kill_master(cluster: StandaloneCluster) -> None:
    """Kill the JVM of the master."""
    process = status_of_master(cluster).process
    assert process is not None
    os.kill(process, signal.SIGKILL)


def kill_master_actor(cluster: StandaloneCluster) -> None:
    """Kill the process of the master's actor."""
    os.kill(status_of_master(cluster).actor_process, signal.SIGKILL)


def kill_worker(cluster: StandaloneCluster) -> None:
    """Kill the JVM of a worker, not its actor."""
    process = _status(cluster, cluster._parts.daemons.workers[0].name).process
    assert process is not None
    os.kill(process, signal.SIGKILL)


def status_of_master(cluster: StandaloneCluster) -> DaemonStatus:
    """Return the status of the master when it runs."""
    master = cluster._parts.daemons.master
    assert master is not None
    return _status(cluster, master.name)


def _status(cluster: StandaloneCluster, name: str) -> DaemonStatus:
    """Return the status of a daemon that runs."""
    found: list[DaemonStatus] = []

    def answers() -> bool:
        statuses = {daemon.name: status for daemon, status in cluster._parts.daemons.statuses().items()}
        status = statuses.get(name)
        found[:] = [status] if isinstance(status, DaemonStatus) and status.process is not None else []
        return bool(found)

    assert eventually(answers, within=60)
    return found[0]


def folders_left(place: Path | None = None) -> list[str]:
    """Return the names of the folders of clusters that are in a folder, by default in the one for temporary files."""
    return [path.name for path in Path(place or tempfile.gettempdir()).glob("raydp-standalone-*")]
