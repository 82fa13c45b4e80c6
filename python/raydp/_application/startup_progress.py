"""The progress bar of the executors' start, shown while the SparkContext is being made."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from py4j.protocol import Py4JError

from raydp._machine.progress import Progress, progress_enabled
from raydp.errors import SessionError

if TYPE_CHECKING:
    from raydp._application.entry_points import EntryPoints

__all__ = ["StartupProgress"]

_WAIT_SECONDS = 1.0


class StartupProgress:
    """Shows the application's status in a thread of its own; does nothing if progress bars are off.

    Args:
        entry_points: The application in the driver JVM.
        enabled: As for :func:`raydp._machine.progress.progress_enabled`.
    """

    def __init__(self, entry_points: EntryPoints, *, enabled: bool | None) -> None:
        self._entry_points = entry_points
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
            thread.join(2 * _WAIT_SECONDS)

    def _follow(self) -> None:
        sequence = -1
        with Progress("executors", unit="executor", enabled=True) as bar:
            while not self._ended.is_set():
                try:
                    status = self._entry_points.await_change(sequence, _WAIT_SECONDS)
                except (SessionError, Py4JError):
                    return  # the JVM is gone, and the SparkContext's constructor reports that
                sequence = status.sequence
                bar.set(len(status.registered), total=status.desired, detail=status.phase)
