"""Runs a program that has a Spark or Ray of its own, watches its memory, kills an executor, and ends what is left."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from memory import footprint

from raydp._machine.installation import spark_home

if TYPE_CHECKING:
    from collections.abc import Iterator

MARK = "RAYDP_BENCH_RUN"
EXECUTORS = ("CoarseGrainedExecutorBackend", "io.ray.runtime.runner.worker.DefaultWorker")
APP_MASTER = "-Draydp.role="
TIMEOUT_SECONDS = 1800
SAMPLE_SECONDS = 0.2
BUSY_SECONDS = 0.3


class WatchedProgram:
    """A process with a folder of its own, which it gets as ``--folder``; a context manager that ends it.

    Args:
        program: A Python program. It reports with lines of JSON on its standard output.
        arguments: Its arguments.
    """

    def __init__(self, program: Path, *arguments: object) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="rb-"))  # short: the paths of Ray's sockets have a limit
        self._errors = self._folder / "errors"
        self._mark = uuid.uuid4().hex
        self._applications: set[str] = set()
        self._is_late = False
        with self._errors.open("w") as errors:
            self._process = subprocess.Popen(
                [sys.executable, *map(str, [program, *arguments, "--folder", self._folder])],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                cwd=self._folder,
                env=self._environment(),
                start_new_session=True,
            )
        self._deadline = threading.Timer(TIMEOUT_SECONDS, self._end_late)
        self._deadline.start()

    def _environment(self) -> dict[str, str]:
        (self._folder / "ray").mkdir()
        return {
            **os.environ,
            MARK: self._mark,
            "RAY_TMPDIR": str(self._folder / "ray"),
            # Spark's Python workers, and Ray nodes that Spark's tasks start, find this environment on the PATH.
            "PYSPARK_PYTHON": sys.executable,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        }

    def _end_late(self) -> None:
        self._is_late = True
        self._process.kill()

    def __enter__(self) -> WatchedProgram:
        return self

    def __exit__(self, *_: object) -> None:
        self._deadline.cancel()
        left = self.processes()
        self._process.kill()
        self._process.wait()
        for process in left:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(left, timeout=20)
        for application in self._applications:  # the workers of a local-cluster write next to Spark
            shutil.rmtree(spark_home() / "work" / application, ignore_errors=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    def messages(self) -> Iterator[dict[str, Any]]:
        """Yield what the process reports."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                message: dict[str, Any] = json.loads(line)
                self._applications.update(filter(None, [message.get("application")]))
                yield message

    def error(self) -> str | None:
        """Wait for the end. Return what a process that failed wrote about it."""
        if self._process.wait() == 0:
            return None
        if self._is_late:
            return f"It did not end within {TIMEOUT_SECONDS} s."
        _, found, trace = self._errors.read_text(errors="replace").rpartition("Traceback (most recent call last)")
        return (found + trace).strip()[:4000] or f"exit code {self._process.returncode}"

    def processes(self) -> list[psutil.Process]:
        """Return the live processes that the program started, and itself: the mark is in their environment."""
        return [process for process in psutil.process_iter() if _mark_of(process) == self._mark]

    def kill_executor(self) -> bool:
        """Kill a process that computes: Spark's executor, or else the busiest of Ray's workers. Return if one ran."""
        processes = self.processes()
        executors = [process for process in processes if _is_executor(process)]
        candidates = executors or [process for process in processes if _is_ray_worker(process)]
        if not candidates:
            return False
        _busiest(candidates).send_signal(signal.SIGKILL)
        return True


class PeakMemory:
    """Samples the private memory of a program's processes until it is stopped."""

    def __init__(self, program: WatchedProgram) -> None:
        self.peak = 0
        self._program, self._ended = program, threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def stop(self) -> int:
        self._ended.set()
        self._thread.join()
        return self.peak

    def _sample(self) -> None:
        while not self._ended.wait(SAMPLE_SECONDS):
            now = footprint([process.pid for process in self._program.processes()])
            self.peak = max(self.peak, sum(now.private.values()) + now.segments)


def _mark_of(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(MARK)
    except (psutil.Error, OSError):
        return None


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _is_executor(process: psutil.Process) -> bool:
    """Whether it is Spark's executor. The command of a raylet names the class of Ray's Java workers, too."""
    program, *arguments = _command(process) or [""]
    words = " ".join(arguments)
    return Path(program).name == "java" and any(name in words for name in EXECUTORS) and APP_MASTER not in words


def _is_ray_worker(process: psutil.Process) -> bool:
    return any(word.startswith("ray::") for word in _command(process)[:1])


def _busiest(processes: list[psutil.Process]) -> psutil.Process:
    before = [_processor_seconds(process) for process in processes]
    time.sleep(BUSY_SECONDS)
    used = [_processor_seconds(process) - first for process, first in zip(processes, before, strict=True)]
    return processes[used.index(max(used))]


def _processor_seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)
