"""Ctrl-C while something must not be left half done."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["handlers_restored", "interrupts_deferred"]


@contextlib.contextmanager
def interrupts_deferred() -> Iterator[None]:
    """Let the body of a ``with`` finish before Ctrl-C takes effect. The body must have a bound."""
    former = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or former is None:
        yield  # only the main thread is interrupted
        return
    was_interrupted = False

    def note(number: int, frame: object) -> None:
        del number, frame
        nonlocal was_interrupted
        was_interrupted = True

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, former)
        if was_interrupted:
            signal.raise_signal(signal.SIGINT)


@contextlib.contextmanager
def handlers_restored() -> Iterator[None]:
    """Restore the handlers of SIGINT and SIGUSR1 after the body of a ``with``. Ray Tune replaces them for good."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signal handlers belong to the main thread
        return
    former = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGUSR1)}
    try:
        yield
    finally:
        for number, handler in former.items():
            if handler is not None:  # else it was not installed from Python
                signal.signal(number, handler)
