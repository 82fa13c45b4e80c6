"""Interrupts that come at an exact moment of an export."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING, Any

from raydp._exchange.driver.jvm_calls import DriverJvm
from raydp.errors import ExchangeError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["interrupting_before_the_job"]

_BOUND_SECONDS = 60


@contextlib.contextmanager
def interrupting_before_the_job() -> Iterator[list[ExchangeError]]:
    """Interrupt the main thread when the export's thread is about to call the JVM, and let it call after the cancel.

    The list in the ``as`` has the error of the late call, once it has ended.
    """
    main, cancelled, ended = threading.main_thread().ident, threading.Event(), threading.Event()
    errors: list[ExchangeError] = []
    export, cancel = DriverJvm.export, DriverJvm.cancel_export
    assert main is not None

    def late_export(self: DriverJvm, *args: Any) -> Any:
        signal.pthread_kill(main, signal.SIGINT)
        assert cancelled.wait(_BOUND_SECONDS)
        try:
            return export(self, *args)
        except ExchangeError as error:
            errors.append(error)
            raise
        finally:
            ended.set()

    def noted_cancel(self: DriverJvm, *args: Any) -> None:
        cancel(self, *args)
        cancelled.set()

    DriverJvm.export, DriverJvm.cancel_export = late_export, noted_cancel  # type: ignore[method-assign]
    try:
        yield errors
        assert ended.wait(_BOUND_SECONDS), "the export goes on after it was cancelled"
    finally:
        DriverJvm.export, DriverJvm.cancel_export = export, cancel  # type: ignore[method-assign]
