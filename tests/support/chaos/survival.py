"""Makes the faults that an application survives while jobs run, and waits until it is whole again."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import TYPE_CHECKING

import psutil

from raydp._application import current_application
from raydp._application.registered_nodes import RegisteredNodes
from raydp.errors import ExchangeError
from support.chaos import processes
from support.chaos.plan import Target
from support.chaos.record import say
from support.datasets import eventually

if TYPE_CHECKING:
    from collections.abc import Sequence

    from support.chaos.cluster import ChaosCluster
    from support.chaos.plan import Fault
    from support.chaos.record import Record
    from support.chaos.work import Work

__all__ = ["JOB_SECONDS", "Survival", "find_victims"]

# Beyond these nobody waits: whatever takes longer is a finding.
_VICTIM_SECONDS = 90.0
_RECOVERY_SECONDS = 120.0
JOB_SECONDS = 240.0
_ORPHAN_SECONDS = 90.0
_LOOK_SECONDS = 0.1
# What only a frozen process delays, or comes back with the jobs that need it.
_RECOVER_WITH_JOBS = (Target.WORKER, Target.DAEMON, Target.RAY_WORKER, Target.JVM, Target.HEAD, Target.RAYLET)


class Survival:
    """Makes the faults of a plan in one application.

    Args:
        cluster: Its Ray.
        work: Its jobs.
        record: Where to note how long recoveries take.
    """

    def __init__(self, cluster: ChaosCluster, work: Work, record: Record) -> None:
        self._cluster = cluster
        self._work = work
        self._record = record
        self._changes = RegisteredNodes(current_application().entry_points)
        self._thaws: list[threading.Timer] = []

    def make(self, faults: Sequence[Fault]) -> None:
        """Make all faults; returns when the application has recovered from the last."""
        pending: list[tuple[Fault, int, float, set[int]]] = []
        for index, fault in enumerate(faults):
            time.sleep(fault.delay)
            pending.append(self._hit(fault))
            if index + 1 == len(faults) or not faults[index + 1].overlaps:
                for hit in pending:
                    self._await_recovery(*hit)
                pending.clear()
        for thaw in self._thaws:
            thaw.join()

    def _hit(self, fault: Fault) -> tuple[Fault, int, float, set[int]]:
        if (job := _job_that_starts(fault)) is not None:
            self._work.want(job)
        victims = find_victims(fault.target, self._cluster)
        victim = victims[int(fault.choice * len(victims))]
        running = self._work.running()
        for_seconds = "" if fault.frozen is None else f" for {fault.frozen:.1f} s"
        say(f"{fault.kind} {victim} of {victims}{for_seconds}; running: {sorted(running.values())}")
        if _silences_the_jvm(fault):
            self._work.expect(ExchangeError)  # conversions give up a JVM that does not answer
        started = time.time()
        try:
            os.kill(victim, signal.SIGKILL if fault.frozen is None else signal.SIGSTOP)
        except ProcessLookupError:
            say(f"{victim} had just ended")
        if fault.frozen is not None:
            thaw = threading.Timer(fault.frozen, _thaw, (victim,))
            thaw.start()
            self._thaws.append(thaw)
        return fault, victim, started, set(running)

    def _await_recovery(self, fault: Fault, victim: int, started: float, running: set[int]) -> None:
        while fault.frozen is not None and time.time() < started + fault.frozen:
            if fault.outlasts and fault.target is Target.NODE:
                self._cluster.replace_lost_nodes()
            time.sleep(min(1.0, max(0.0, started + fault.frozen - time.time())))
        deadline = time.monotonic() + _RECOVERY_SECONDS
        while not self._is_whole(fault, victim, started):
            if time.monotonic() > deadline:
                raise AssertionError(f"not whole again after {_RECOVERY_SECONDS} s: {fault}, {victim}: {_state()}")
            self._changes.await_change(_LOOK_SECONDS)
        if fault.target in _RECOVER_WITH_JOBS and not self._work.await_end(running, JOB_SECONDS):
            raise AssertionError(f"jobs did not end within {JOB_SECONDS} s: {self._work.running()}")
        recovered = time.time() - started
        if _silences_the_jvm(fault):
            self._work.expect()
        self._record.recoveries[fault.kind].append(recovered)
        say(f"  whole again after {recovered:.1f} s")
        if fault.frozen is None and not eventually(lambda: not processes.orphans(), within=_ORPHAN_SECONDS):
            self._record.leaked += processes.orphans()
        if fault.target is Target.NODE and not eventually(lambda: not self._cluster.undead(), within=_ORPHAN_SECONDS):
            self._record.leaked += self._cluster.undead()

    def _is_whole(self, fault: Fault, victim: int, started: float) -> bool:
        self._cluster.replace_lost_nodes()  # that of an overlapping fault, or one that was too busy to answer the head
        status = current_application().status()
        living = [pid for pid in processes.executor_pids() if psutil.pid_exists(pid)]
        if len(living) != status.desired or status.failure is not None:
            return False
        match fault.target:
            case Target.NODE:
                is_gone = victim not in self._cluster.other_raylets()
                return bool(self._cluster.other_raylets()) and (is_gone or not _is_lost(fault))
            case _ if fault.frozen is not None:
                return True
            case Target.EXECUTOR:
                return victim not in living
            case Target.APP_MASTER:
                return any(
                    event.text == "the AppMaster decides" and event.millis > started * 1000 for event in status.events
                )
            case Target.AGENT:
                agents = processes.agent_pids()
                return bool(agents) and victim not in agents
            case _:
                return True


def find_victims(target: Target, cluster: ChaosCluster) -> list[int]:
    """Wait for processes of a kind, and return them by ascending process id."""

    def look() -> list[int]:
        cluster.replace_lost_nodes()  # that of a fault whose recovery nobody awaits yet
        match target:
            case Target.NODE:
                return sorted(cluster.other_raylets())
            case Target.HEAD:
                return cluster.heads()
            case Target.RAYLET:
                return cluster.own_raylets()
            case _:
                return processes.targets(target)

    victims: list[int] = []
    if not eventually(lambda: bool(victims.extend(look()) or victims), within=_VICTIM_SECONDS):
        raise AssertionError(f"no {target.value} came up within {_VICTIM_SECONDS:.0f} s")
    return victims


def _job_that_starts(fault: Fault) -> str | None:
    """Return a job that starts processes of the kind, unless there always are some."""
    match fault.target:
        case Target.WORKER | Target.DAEMON:
            return "python"
        case Target.RAY_WORKER:
            return "fit" if int(10 * fault.choice) % 2 else "round trip"
        case _:
            return None


def _silences_the_jvm(fault: Fault) -> bool:
    return fault.outlasts and fault.target is Target.JVM


def _is_lost(fault: Fault) -> bool:
    return fault.frozen is None or fault.outlasts


def _state() -> str:
    """Return what there is, for messages."""
    status = current_application().status()
    return f"{status}; AppMasters {processes.app_masters()}; agents {processes.agent_pids()}"


def _thaw(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        say(f"{pid} ended while it was frozen")
