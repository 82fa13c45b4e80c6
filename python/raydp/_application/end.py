"""The end of an application: with its context, with its JVM, or because it did not start."""

from __future__ import annotations

import atexit
from typing import TYPE_CHECKING

from raydp._application import driver_jvm, startup_failures
from raydp._application.class_archives import archive_classes
from raydp._application.lifecycle import Event, lifecycle
from raydp._spark import internals as _spark_internals

if TYPE_CHECKING:
    from raydp._application.lifecycle import Ending

__all__ = ["context_stopped", "end_at_exit", "end_jvm", "failed_to_start", "stop"]


def stop(*, keep_data: bool) -> None:
    """Stop the running application, if there is one.

    Args:
        keep_data: Keep the blocks that only DataFrames hold until this process ends.
    """
    application = lifecycle.application
    if application is None:
        return
    if keep_data:
        application.keep_data()
    _spark_internals.stop_active_context()


def context_stopped() -> None:
    """Close the application after a ``SparkContext`` has stopped."""
    if not _spark_internals.is_context_active():
        with lifecycle.ending(Event.CONTEXT_STOP) as ending:
            _close(ending)


def end_jvm() -> None:
    """End the driver JVM that :mod:`raydp._application.start` launched, if it still runs. Bounded and idempotent."""
    process = lifecycle.take_process()
    if process is None:
        return
    try:
        with lifecycle.ending(Event.JVM_END) as ending:
            _close(ending)
    finally:
        driver_jvm.end_process(process)


def end_at_exit() -> None:
    """End the application because this process exits."""
    try:
        stop(keep_data=False)
    finally:
        end_jvm()


def failed_to_start(error: BaseException) -> BaseException:
    """Close everything after a failed start, and return the error that explains it."""
    try:
        with lifecycle.ending(Event.FAIL) as ending:
            application = None if ending is None else ending.application
            try:
                return startup_failures.explain_start(
                    error,
                    None if application is None else application.cluster,
                    0.0 if application is None else application.started_at,
                    "" if application is None else application.nodes.report(),
                )
            finally:
                _close(ending)
    finally:
        end_jvm()


def _close(ending: Ending | None) -> None:
    if ending is None or ending.application is None:
        return
    ending.application.close()
    if ending.was_running and ending.application.java is not None:
        archive_classes(ending.application.java, ending.application.settings)


atexit.register(end_at_exit)
