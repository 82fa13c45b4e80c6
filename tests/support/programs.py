"""Runs a Python program in a process of its own, as a user would.

Spark allows one context per process, so that tests of starting, stopping and dying need processes.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TESTS = Path(__file__).parents[1]
PRELUDE = """
import faulthandler, os, signal, sys, time
faulthandler.register(signal.SIGUSR1)
import ray, raydp
from support import datasets, programs

def start_ray(num_cpus=4, **options):
    ray.init("local", num_cpus=num_cpus, object_store_memory=300 * 1024**2, include_dashboard=False,
             log_to_driver=False, logging_level="WARNING", **options)

def say(*words):
    print(*words, flush=True)

def eventually(what, condition, seconds=150, state=lambda: None):
    assert datasets.eventually(condition, within=seconds), (what, state())
    say(what)

# Starts a job of 60 slow rows in a thread; returns that and the list that gets the result.
def start_job(spark, seconds):
    import threading

    def slowly(rows):
        for row in rows:
            time.sleep(seconds)
            yield row % 3, 1

    result = []
    def job():
        pairs = spark.sparkContext.parallelize(range(60), 30).mapPartitions(slowly)
        result.extend(pairs.reduceByKey(lambda a, b: a + b, 2).collect())

    thread = threading.Thread(target=job)
    thread.start()
    return thread, result
"""


@dataclass(frozen=True)
class Outcome:
    """How a program ended: its exit code and everything that it printed."""

    code: int
    output: str
    errors: str

    @property
    def everything(self) -> str:
        return f"exit code {self.code}\n--- output\n{self.output}\n--- errors\n{self.errors}"


def environment(changes: Mapping[str, str | None] | None = None) -> dict[str, str]:
    """Return this process's environment with changes; ``None`` takes a variable out."""
    result = dict(os.environ)
    for name, value in (changes or {}).items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = value
    return result


def start(
    source: str,
    *,
    env: Mapping[str, str | None] | None = None,
    log: Path | None = None,
    stdin: int = subprocess.DEVNULL,
    within: Sequence[str] = (),
) -> subprocess.Popen[str]:
    """Start a program, by the command ``within`` if one is given.

    Its standard output is a pipe, its standard error goes to ``log`` or a pipe.
    """
    code = f"import sys\nsys.path.insert(0, {str(_TESTS)!r})\n" + PRELUDE + textwrap.dedent(source)
    return subprocess.Popen(
        [*within, sys.executable, "-u", "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if log is None else log.open("w"),
        stdin=stdin,
        text=True,
        env=environment(env),
        start_new_session=True,
    )


def run(
    source: str,
    *,
    env: Mapping[str, str | None] | None = None,
    timeout: float = 420.0,
    within: Sequence[str] = (),
) -> Outcome:
    """Run a program to its end; one that takes longer than ``timeout`` seconds is killed with all it started."""
    process = start(source, env=env, within=within)
    try:
        output, errors = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        kill_session(process.pid)
        output, errors = process.communicate()
        raise AssertionError(
            f"the program did not end within {timeout} s\n{output[-4000:]}\n{errors[-8000:]}"
        ) from None
    return Outcome(process.returncode, output, errors)


def kill_session(session: int) -> None:
    """Kill every process of a session that :func:`start` began."""
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == session:
                process.send_signal(signal.SIGKILL)
        except (psutil.Error, ProcessLookupError, PermissionError):
            continue


def marked_processes(mark: str) -> list[psutil.Process]:
    """Return the live processes whose environment holds ``RAYDP_TEST_MARK=mark``: a program's whole offspring."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().get("RAYDP_TEST_MARK") == mark:
                found.append(process)
        except (psutil.Error, PermissionError, ProcessLookupError):
            continue
    return found


def await_none(mark: str, *, seconds: float, but: frozenset[int] = frozenset()) -> list[str]:
    """Wait until no process with the mark is left, at most so long; return the command lines of those that are."""
    deadline = time.monotonic() + seconds
    while True:
        left = [process for process in marked_processes(mark) if process.pid not in but]
        if not left or time.monotonic() > deadline:
            return [describe(process) for process in left]
        psutil.wait_procs(left, timeout=min(1.0, max(0.05, deadline - time.monotonic())))


def describe(process: psutil.Process) -> str:
    """Return the id and the command line of a process."""
    try:
        return f"{process.pid} {' '.join(process.cmdline())[:200]}"
    except psutil.Error:
        return f"{process.pid} (just ended)"
