"""One ``mpirun`` process: start it, show its output, and notice its end."""

from __future__ import annotations

import collections
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["Launcher"]

_LAST_LINES = 30
_TERMINATE_SECONDS = 10.0


class Launcher:
    """Runs ``mpirun``, and copies its output to this process's standard output.

    Args:
        command: The program and its arguments.
        environment: All environment variables of the program.
        ended: Called once, in another thread, after the program has ended.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], ended: Callable[[], None]) -> None:
        self._last: collections.deque[str] = collections.deque(maxlen=_LAST_LINES)
        self._ended = ended
        self._process = subprocess.Popen(
            list(command),
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # an interrupt at the terminal must reach the driver only
        )
        self._thread = threading.Thread(target=self._follow, name="raydp-mpirun", daemon=True)
        self._thread.start()

    @property
    def process_id(self) -> int:
        """The id of its process."""
        return self._process.pid

    def describe_output(self) -> str:
        """Return the exit code, if the program has ended, and the last lines that it printed."""
        code = self._process.poll()
        lines = "".join(self._last)
        return f"mpirun's exit code: {'none yet' if code is None else code}; its last lines:\n{lines}"

    def stop(self, patience: float) -> None:
        """Wait until the program has ended, and end it if needed. It is safe to call this more than once.

        Args:
            patience: Seconds to wait until the ranks have ended by themselves. After that, mpirun is terminated, and
                10 seconds later killed.
        """
        for seconds, signal_ in ((patience, signal.SIGTERM), (_TERMINATE_SECONDS, signal.SIGKILL)):
            try:
                self._process.wait(seconds)
                break
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal_)
        self._process.wait(_TERMINATE_SECONDS)
        self._thread.join(_TERMINATE_SECONDS)

    def _follow(self) -> None:
        output = self._process.stdout
        if output is not None:
            with output:
                for line in output:
                    self._last.append(line)
                    sys.stdout.write(line)
                    sys.stdout.flush()
        self._process.wait()
        self._ended()
