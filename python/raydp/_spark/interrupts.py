"""Ctrl-C while a ``SparkContext`` on Ray runs: it cancels Spark's jobs, within seconds."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from py4j.protocol import Py4JError

from raydp.errors import SessionError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from pyspark import SparkContext

__all__ = ["cancel_jobs_on_interrupt", "keep_jobs_on_interrupt"]

_BEFORE = "_raydp_before"
_CANCEL_SECONDS = 5.0
_REPEAT_SECONDS = 0.2
_NO_ANSWER = (Py4JError, OSError, SessionError, AttributeError)
"""What a call to a JVM raises that has ended; the last one is PySpark's, of a context that has just stopped."""


def cancel_jobs_on_interrupt(context: SparkContext, former: Any, is_active: Callable[[], bool]) -> None:
    """Let Ctrl-C cancel jobs only while the context runs, and within seconds.

    Why: PySpark never removes its handler, which fails once the context has stopped. It cancels jobs over the
    connection of the main thread, on which the JVM answers only when the job of that thread has ended. It cancels once,
    although the interrupted call may not have started its job yet, and ``toPandas`` waits for all of it. A handler that
    is removed in ``SparkContext.stop``, has a connection of its own and knows what it interrupts would replace this.

    Args:
        context: The context.
        former: The handler before PySpark's.
        is_active: Tells whether the context runs.
    """
    if threading.current_thread() is not threading.main_thread():
        return  # then PySpark has installed none
    before = getattr(former, _BEFORE, former)

    def handle(number: int, frame: FrameType | None) -> None:
        if is_active():
            cancelled = threading.Event()
            arguments = (context, is_active, _outermost_call(frame), cancelled)
            threading.Thread(target=_cancel, args=arguments, name="raydp-cancel", daemon=True).start()
            cancelled.wait(_CANCEL_SECONDS)
            raise KeyboardInterrupt
        if callable(before):
            before(number, frame)

    setattr(handle, _BEFORE, before)
    signal.signal(signal.SIGINT, handle)


def keep_jobs_on_interrupt() -> None:
    """Let Ctrl-C cancel no job of the context any more. No error if it does not, because a thread made the context.

    Why: the jobs of a Spark Connect server belong to other programs as well. Its client cancels what it interrupts.
    """
    if threading.current_thread() is threading.main_thread():
        before = getattr(signal.getsignal(signal.SIGINT), _BEFORE, None)
        if before is not None:
            signal.signal(signal.SIGINT, before)


def _cancel(
    context: SparkContext, is_active: Callable[[], bool], call: FrameType | None, cancelled: threading.Event
) -> None:
    """Cancel all jobs, and again until the main thread has left the call that was interrupted."""
    with contextlib.suppress(*_NO_ANSWER):
        context.cancelAllJobs()
        cancelled.set()
        while is_active() and _runs(call):
            time.sleep(_REPEAT_SECONDS)
            if _runs(call):
                context.cancelAllJobs()
    cancelled.set()


def _outermost_call(frame: FrameType | None) -> FrameType | None:
    """Return the frame of the function of PySpark that the program has called, if it is in one."""
    found = None
    while frame is not None:
        if str(frame.f_globals.get("__name__", "")).startswith("pyspark."):
            found = frame
        frame = frame.f_back
    return found


def _runs(call: FrameType | None) -> bool:
    if call is None:
        return False
    frame = sys._current_frames().get(threading.main_thread().ident or 0)  # noqa: SLF001 - public, despite its name
    while frame is not None:
        if frame is call:
            return True
        frame = frame.f_back
    return False
