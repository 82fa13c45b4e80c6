"""Runs one process of Spark: watches it, and starts it again when it ends."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from raydp._machine.parent_death import die_with_parent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["Launch", "Supervisor"]

_HEALTHY_SECONDS = 30.0
_MOST_FAILURES = 5
_MOST_FAILED_STARTS = 3
_LONGEST_PAUSE_SECONDS = 15.0
_TERMINATE_SECONDS = 8.0
_KILL_SECONDS = 5.0
_TAIL_BYTES = 16 * 1024
_TAIL_LINES = 25


@dataclass(frozen=True)
class Launch:
    """How a process is started.

    Attributes:
        command: The program and its arguments.
        environment: All its variables.
        folder: Its working folder.
        log: Where its output goes, at the end of the file.
        prepare: Called before each start.
    """

    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path
    log: Path
    prepare: Callable[[], None]


class Supervisor:
    """A process that runs until :meth:`end`, or until it fails several times in a row.

    The process is a child of the thread of this object, and the kernel kills it when the thread ends, however this
    process ends. Processes that it starts are in its process group.
    """

    def __init__(self, launch: Launch) -> None:
        self._launch = launch
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._failure: str | None = None
        self._thread = threading.Thread(target=self._run, name="raydp-spark-daemon", daemon=True)
        self._thread.start()

    @property
    def process_id(self) -> int | None:
        """The id of the running process."""
        with self._lock:
            return None if self._process is None else self._process.pid

    @property
    def failure(self) -> str | None:
        """Why the process is not started any more; ``None`` if it runs, or will run again."""
        return self._failure

    def end(self) -> None:
        """End the process and what it started, within 15 s. Idempotent."""
        self._ending.set()
        self._signal(signal.SIGTERM)  # a worker ends its executors
        self._thread.join(_TERMINATE_SECONDS)
        if self._thread.is_alive():
            self._signal(signal.SIGKILL)
            self._thread.join(_KILL_SECONDS)

    def _signal(self, number: int) -> None:
        with self._lock:
            if self._process is not None:  # not reaped, so the number is still its own
                os.kill(self._process.pid, number)

    def _run(self) -> None:
        failures, most = 0, _MOST_FAILED_STARTS
        while not self._ending.wait(0.0 if failures < 2 else min(2.0 ** (failures - 2), _LONGEST_PAUSE_SECONDS)):
            begin = time.monotonic()
            try:
                code = self._run_once()
            except OSError as error:
                self._failure = f"it could not be started: {error}"
                return
            failures += 1
            if time.monotonic() - begin > _HEALTHY_SECONDS:
                failures, most = 1, _MOST_FAILURES
            if failures >= most and not self._ending.is_set():
                self._failure = f"it ended {failures} times in a row, the last time with {code}.{self._tail()}"
                return

    def _run_once(self) -> int:
        launch, parent = self._launch, os.getpid()
        launch.prepare()
        with launch.log.open("ab") as log:
            process = subprocess.Popen(
                launch.command,
                env=launch.environment,
                cwd=launch.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,  # Ctrl-C goes to the program, which ends this process in order
                preexec_fn=lambda: die_with_parent(parent),
            )
        with self._lock:
            self._process = process
        if self._ending.is_set():
            self._signal(signal.SIGKILL)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        with contextlib.suppress(ProcessLookupError):  # executors end with their worker, but not at once
            os.killpg(process.pid, signal.SIGKILL)
        with self._lock:
            self._process = None
            return process.wait()

    def _tail(self) -> str:
        with self._launch.log.open("rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(0, log.tell() - _TAIL_BYTES))
            lines = log.read().decode("utf-8", errors="replace").splitlines()[-_TAIL_LINES:]
        return "\n".join(["", f"--- last lines of {self._launch.log}:", *lines])
