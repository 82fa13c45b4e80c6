"""Ctrl-C while something must not be left half done, or where Python would lose it."""

from __future__ import annotations

import contextlib
import logging
import signal
import sys
import threading
import traceback
from typing import TYPE_CHECKING

from raydp._machine.console import tell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

__all__ = ["came_of_interrupt", "handlers_restored", "interrupts_deferred", "keep_interrupts", "shorten_interrupts"]

_SHORTENED = "_raydp_shortened"
_KEPT = "_raydp_kept"
_AGAIN_SECONDS = 0.05
_LOGGED = {
    "": "KeyboardInterrupt while sending command.",
    "py4j.clientserver": "Exception occurred while shutting down connection",
}
"""What Py4J logs, by logger, with the traceback of an interrupt that it then raises."""


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


def keep_interrupts() -> None:
    """Raise a Ctrl-C again that came while Python ran a finalizer, such as those of Py4J's objects; idempotent.

    Python prints what a finalizer raises and goes on, so a wait after it would never end.
    """
    original = sys.unraisablehook
    if hasattr(original, _KEPT):
        return

    def again(unraisable: sys.UnraisableHookArgs) -> None:
        main = threading.main_thread()
        # At the end of the program, nothing is left to interrupt.
        if (
            issubclass(unraisable.exc_type, KeyboardInterrupt)
            and threading.current_thread() is main
            and main.is_alive()
        ):
            # Once the finalizer has ended. Unlike _thread.interrupt_main, a signal also ends a wait.
            timer = threading.Timer(_AGAIN_SECONDS, signal.pthread_kill, (main.ident, signal.SIGINT))
            timer.daemon = True
            timer.start()
        else:
            original(unraisable)

    setattr(again, _KEPT, original)
    sys.unraisablehook = again


def shorten_interrupts(lost: tuple[type[BaseException], ...] = ()) -> None:
    """Show a Ctrl-C that ends the program as one line, with its place in the program; idempotent.

    Otherwise Py4J's own traceback and the one of PySpark, Py4J or Ray would fill the screen. Notebooks and Python's
    console do not end, and show what they always show.

    Args:
        lost: Errors of a connection that is lost. PySpark calls the JVM while an interrupt leaves its functions. If the
            JVM does not answer any more, such an error takes the place of the interrupt.
    """
    original = sys.excepthook
    if hasattr(original, _SHORTENED):
        return

    def show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        ended = issubclass(kind, KeyboardInterrupt) or (issubclass(kind, lost) and came_of_interrupt(error))
        if ended and trace is not None and not hasattr(sys, "ps1"):
            tell(f"interrupted at {_place(trace)}")
        else:
            original(kind, error, trace)

    setattr(show, _SHORTENED, True)
    sys.excepthook = show
    for name, message in _LOGGED.items():
        logging.getLogger(name).addFilter(lambda record, message=message: record.msg != message)  # type: ignore[misc]


def came_of_interrupt(error: BaseException) -> bool:
    """Return whether an error was raised while an interrupt was handled."""
    before = error.__context__
    while before is not None and not isinstance(before, KeyboardInterrupt):
        before = before.__context__
    return before is not None


def _place(trace: TracebackType) -> str:
    steps = list(traceback.walk_tb(trace))
    own = [step for step in steps if step[0].f_globals.get("__name__") == "__main__"] or steps[:1]
    frame, line = own[-1]
    return f"{frame.f_code.co_filename}, line {line}"
