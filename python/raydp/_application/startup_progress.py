"""The progress bar of executor start-up, drawn while the SparkContext is being made."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

from py4j.protocol import Py4JError

from raydp._machine.progress import Progress, progress_enabled

if TYPE_CHECKING:
    from py4j.java_gateway import JVMView

__all__ = ["StartupProgress"]

_WAIT_MILLIS = 1000


class StartupProgress:
    """Follows the application's status in a thread of its own and draws it; nothing when bars are off.

    Args:
        jvm: The driver's JVM, in which the application was requested.
        enabled: As for :func:`raydp._machine.progress.progress_enabled`.
    """

    def __init__(self, jvm: JVMView, *, enabled: bool | None) -> None:
        self._jvm = jvm
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        if progress_enabled(enabled):
            self._thread = threading.Thread(target=self._follow, name="raydp-startup-progress", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Remove the bar; may be called more than once."""
        self._ended.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(2 * _WAIT_MILLIS / 1000)

    def _follow(self) -> None:
        sequence = -1
        with Progress("executors", unit="executor", enabled=True) as bar:
            while not self._ended.is_set():
                try:
                    status = json.loads(self._jvm.io.raydp.lifecycle.RayApplication.awaitChange(sequence, _WAIT_MILLIS))
                except (Py4JError, OSError):
                    return  # the JVM is gone; whoever waits for the context reports that
                sequence = status["sequence"]
                registered = sum(e["state"] == "registered" for e in status["executors"])
                bar.set(registered, total=status["desired"], detail=status["phase"])
