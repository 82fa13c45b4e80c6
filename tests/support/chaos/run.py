"""The chaos run, as a program: prints what it does and, in its last line, a report as JSON.

``python -m support.chaos.run SEED KILLS``, with ``RAYDP_TEST_MARK`` set to something that no other program has.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import statistics
import sys
import threading
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import psutil
import ray
import ray.data
from ray.util import list_named_actors, placement_group_table

import raydp
from raydp._application import current_application
from raydp._application.registered_nodes import RegisteredNodes
from support.applications import socket_folder
from support.chaos import processes
from support.chaos.jobs import Jobs
from support.chaos.plan import Fault, Target, impatience, plan
from support.chaos.work import Work
from support.datasets import eventually, store_bytes_used

if TYPE_CHECKING:
    from pathlib import Path

_EXECUTORS = 2
_THREADS = 2
# Beyond these nobody waits: whatever takes longer is a finding.
_RECOVERY_SECONDS = 120.0
_JOB_SECONDS = 240.0
_ORPHAN_SECONDS = 90.0
_LEAK_SECONDS = 90.0
_CONFIGS = {
    "spark.ui.enabled": "false",
    "spark.log.level": "ERROR",
    "spark.sql.shuffle.partitions": "4",
    # As jobs of many hours need them, which a minute of faults by the second stands for.
    "spark.task.maxFailures": "12",
    "spark.stage.maxConsecutiveAttempts": "12",
    "spark.raydp.executor.maxConsecutiveFailures": "12",
}


class ChaosRun:
    """Makes the faults of a plan while jobs run, and measures how long the application takes to be whole again."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._changes = RegisteredNodes(current_application().entry_points)
        self._thaws: list[threading.Timer] = []
        self.recoveries: dict[str, list[float]] = defaultdict(list)
        self.orphans: list[str] = []

    def make(self, faults: list[Fault]) -> None:
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
        victims: list[int] = []
        if not eventually(lambda: bool(victims.extend(processes.targets(fault.target)) or victims), within=60):
            raise AssertionError(f"no {fault.target.value} came up within 60 s")
        victim = victims[int(fault.choice * len(victims))]
        running = self._work.running()
        say(
            f"{'kill' if fault.frozen is None else f'freeze for {fault.frozen:.1f} s'}: {fault.target.value} {victim}"
            f" of {victims}; running: {sorted(running.values())}"
        )
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
        deadline = time.monotonic() + _RECOVERY_SECONDS
        if fault.frozen is not None:
            time.sleep(max(0.0, started + fault.frozen - time.time()))
        while not self._is_whole(fault, victim, started):
            if time.monotonic() > deadline:
                raise AssertionError(f"not whole again after {_RECOVERY_SECONDS} s: {fault}, {victim}: {state()}")
            self._changes.await_change(0.1)
        recovered = time.time() - started
        # Python processes come back with the tasks that need them.
        if fault.target in (Target.WORKER, Target.DAEMON):
            if not self._work.await_end(running, _JOB_SECONDS):
                raise AssertionError(f"jobs did not end within {_JOB_SECONDS} s: {self._work.running()}")
            recovered = time.time() - started
        self.recoveries[fault.target.value].append(recovered)
        say(f"  whole again after {recovered:.1f} s")
        if fault.frozen is None and not eventually(lambda: not processes.orphans(), within=_ORPHAN_SECONDS):
            self.orphans += processes.orphans()

    def _is_whole(self, fault: Fault, victim: int, started: float) -> bool:
        status = current_application().status()
        living = [pid for pid in processes.executor_pids() if psutil.pid_exists(pid)]
        if len(living) != status.desired or status.failure is not None:
            return False
        if fault.frozen is not None:
            return True
        match fault.target:
            case Target.EXECUTOR:
                return victim not in living
            case Target.APP_MASTER:
                return any(
                    event.text == "the AppMaster decides" and event.millis > started * 1000 for event in status.events
                )
            case Target.AGENT:
                agents = processes.agent_pids()
                return bool(agents) and victim not in agents
            case Target.WORKER | Target.DAEMON:
                return True


def state() -> str:
    """Return what there is, for messages."""
    status = current_application().status()
    return f"{status}; AppMasters {processes.app_masters()}; agents {processes.agent_pids()}"


def say(text: str) -> None:
    """Print a line with the time."""
    print(f"{time.monotonic():.1f} {text}", flush=True)


def _thaw(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        say(f"{pid} ended while it was frozen")


def main(seed: int, kills: int) -> dict[str, Any]:
    """Make a run and return the report."""
    ray.init(
        "local",
        num_cpus=4,
        object_store_memory=400 * 1024**2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="WARNING",
    )
    spark = raydp.init_spark("chaos", _EXECUTORS, 1, "600m", configs={**_CONFIGS, **impatience(kills)})
    ray.data.DataContext.get_current().enable_progress_bars = False
    folder = socket_folder()
    jobs = Jobs(spark)
    work = Work(jobs, seed, threads=_THREADS)
    chaos = ChaosRun(work)
    started = time.monotonic()
    work.start()
    try:
        chaos.make(plan(seed, kills))
    finally:
        work.finish(_JOB_SECONDS)
    took = time.monotonic() - started
    tally = work.tally
    del jobs, work
    chaos._work = None
    raydp.stop_spark()
    times = [one for many in chaos.recoveries.values() for one in many]
    return {
        "right": tally.right,
        "wrong": tally.wrong,
        "lost": tally.lost,
        "leaked": chaos.orphans + leaks(folder),
        "seconds": round(took, 1),
        "recovery": {kind: summary(many) for kind, many in chaos.recoveries.items()} | {"all": summary(times)},
    }


def summary(times: list[float]) -> dict[str, float]:
    """Return number, median and maximum of times in seconds."""
    return {"faults": len(times), "median_s": round(statistics.median(times), 2), "max_s": round(max(times), 2)}


def leaks(sockets: Path) -> list[str]:
    """Return what is left of the application after its stop."""

    def ours() -> list[str]:
        left = [
            f"process {pid}"
            for target in (Target.APP_MASTER, Target.WORKER, Target.DAEMON)
            for pid in processes.targets(target)
        ]
        names = [one["name"] for one in list_named_actors(all_namespaces=True)]
        left += [f"actor {name}" for name in names if name.startswith("raydp")]  # others are Ray's own
        left += [f"placement group {one}" for one in placement_group_table().values() if one["state"] != "REMOVED"]
        left += processes.java_processes()
        left += [f"sockets {sockets}"] if sockets.exists() else []
        left += [f"{store_bytes_used():.0f} bytes of the store"] if store_bytes_used() else []
        return left

    gc.collect()
    eventually(lambda: not ours(), within=_LEAK_SECONDS)
    return ours()


if __name__ == "__main__":
    report = main(int(sys.argv[1]), int(sys.argv[2]))
    ray.shutdown()
    print(json.dumps(report), flush=True)
