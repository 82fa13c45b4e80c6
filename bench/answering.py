"""A program that answers requests: one line to its standard input, one line of JSON from its standard output."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from memory import offspring

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self

TIMEOUT_SECONDS = 600


class AnsweringProgram:
    """The program, from its first answer, which it gives unasked, until its input ends. A context manager.

    Args:
        what: What it is, for errors.
        command: Starts it.
        environment: All of its environment variables.
        patience: Seconds that it has to end.
    """

    def __init__(self, what: str, command: list[str], environment: Mapping[str, str], patience: float) -> None:
        self._what = what
        self._command = command
        self._environment = environment
        self._patience = patience
        self.first_answer: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(self._environment)
        )
        self.first_answer = self._answer()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(self._patience)
        except subprocess.TimeoutExpired:
            self._kill()
            self._process.wait()

    @property
    def process(self) -> int:
        """Its process, which has started everything else of it."""
        return self._process.pid

    def ask(self, request: str) -> dict[str, Any]:
        """Send a request and return the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(request + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _kill(self) -> None:
        for process in reversed(offspring(self._process.pid)):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        watchdog = threading.Timer(TIMEOUT_SECONDS, self._kill)
        watchdog.start()
        try:
            for line in self._process.stdout:
                if line.startswith("{"):  # Ray and Spark print other lines too
                    answer: dict[str, Any] = json.loads(line)
                    return answer
        finally:
            watchdog.cancel()
        raise SystemExit(
            f"{self._what} ended or did not answer within {TIMEOUT_SECONDS} s. Its output is above. "
            f"Command: {' '.join(self._command)}"
        )
