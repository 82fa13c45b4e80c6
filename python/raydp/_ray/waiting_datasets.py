"""Tells the user why the execution of a Dataset waits; see :func:`raydp._ray.shortage.watch_datasets`."""

from __future__ import annotations

import time
from typing import Any

from raydp._ray.internals import execution_callback, finished_tasks
from raydp._ray.shortage import NOTICE_SECONDS, ShortageNotice

__all__ = ["TellWhyItWaits"]


class TellWhyItWaits(execution_callback()):  # type: ignore[misc]  # Ray has no types
    """Looks at one execution of a Dataset at each of its steps."""

    def __init__(self) -> None:
        self._finished = 0
        self._checked_at = time.monotonic()
        self._was_told = False

    def on_execution_step(self, executor: Any) -> None:
        """Tell the user once if no task has finished for some seconds and there is no CPU for one."""
        if self._was_told or time.monotonic() - self._checked_at < NOTICE_SECONDS:
            return
        finished = finished_tasks(executor)
        if finished == self._finished:
            self._was_told = ShortageNotice("A Dataset").give()
        self._finished, self._checked_at = finished, time.monotonic()
