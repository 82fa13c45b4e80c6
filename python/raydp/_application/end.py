"""The end of an application: with its context, with its JVM, or because it did not start."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
from typing import TYPE_CHECKING

from raydp._application import driver_jvm, startup_failures
from raydp._application.application import find_death
from raydp._application.class_archives import archive_classes
from raydp._application.lifecycle import Event, State, lifecycle
from raydp._application.stuck_jvm import killed_if_stuck
from raydp._machine.console import tell
from raydp._machine.interrupts import interrupts_deferred
from raydp._ray import internals as _ray_internals
from raydp._ray.cluster import answers
from raydp._ray.shortage import leave_datasets
from raydp._spark import gateway_internals as _gateway_internals
from raydp._spark import internals as _spark_internals

if TYPE_CHECKING:
    from collections.abc import Iterator

    from raydp._application.lifecycle import Ending

__all__ = ["context_stopped", "end_at_exit", "end_if_dead", "end_jvm", "failed_to_start", "stop", "stopping"]

_logger = logging.getLogger(__name__)


def stop(*, keep_data: bool) -> None:
    """Stop the running application, if there is one. No error if its JVM or Ray has ended.

    Args:
        keep_data: Keep the blocks that only DataFrames hold until this process ends.
    """
    application = lifecycle.application
    if application is None:
        return
    if keep_data:
        application.keep_data()
    _spark_internals.stop_active_context()


@contextlib.contextmanager
def stopping() -> Iterator[None]:
    """Stop a ``SparkContext`` in the body of a ``with``, within bounds; then close its application and end its JVM."""
    with _undisturbed():
        application = lifecycle.application
        if application is not None:
            application.is_stopping = True
        was_running = lifecycle.state is State.RUNNING
        try:
            with killed_if_stuck(lifecycle.process, application):
                yield
        finally:
            lifecycle.forget_session()
            context_stopped()
            if was_running:  # a start that fails stops its context, too, and its JVM knows why
                end_jvm()


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
    with _undisturbed():
        try:
            with lifecycle.ending(Event.JVM_END) as ending:
                _close(ending)
        finally:
            driver_jvm.end_process(process)


def end_if_dead() -> None:
    """End an application whose JVM was killed, or whose Ray is gone, so that another one can start."""
    application = lifecycle.application
    if application is None or (reason := find_death(application)) is None:
        return
    tell(f"the last Spark session on Ray was not stopped, and is no longer usable: {reason}")
    stop(keep_data=False)
    end_jvm()


def end_at_exit() -> None:
    """End the application because this process exits. A forked child has none: it forgets its parent's."""
    try:
        stop(keep_data=False)
    finally:
        end_jvm()


def failed_to_start(error: BaseException) -> BaseException:
    """Close everything after a failed start, and return the error that explains it."""
    with _undisturbed():
        try:
            with lifecycle.ending(Event.FAIL) as ending:
                application = None if ending is None else ending.application
                try:
                    return startup_failures.explain_start(
                        error,
                        None if application is None else application.cluster,
                        0.0 if application is None else application.started_at,
                        "" if application is None else application.nodes.report(),
                        driver_jvm.exit_code(lifecycle.process, error),
                    )
                finally:
                    _close(ending)
        finally:
            end_jvm()


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Finish the body of a ``with`` though Ctrl-C or SIGTERM came, and let no call in it start a Ray cluster."""
    _ray_internals.outlast_termination()
    with interrupts_deferred(), _ray_internals.without_starting_ray():
        yield


def _end_before_ray() -> None:
    """End the application because the program calls ``ray.shutdown()``."""
    if lifecycle.application is not None:
        _logger.info("Spark is stopped, because this process leaves the Ray cluster")
        _gateway_internals.note_cause_of_end("ray.shutdown() left the Ray cluster in which its executors ran")
    end_at_exit()


def _forget_parent() -> None:
    """Forget the application in a forked child: its parent still uses it, and the connections to its JVM and to Ray."""
    lifecycle.forget()
    _gateway_internals.abandon_gateway()
    _ray_internals.abandon_cluster()


def _close(ending: Ending | None) -> None:
    if ending is None or ending.application is None:
        return
    leave_datasets()
    ending.application.close()
    if ending.was_running and ending.application.java is not None:
        archive_classes(ending.application.java, ending.application.settings)


atexit.register(end_at_exit)
_ray_internals.call_before_shutdown(_end_before_ray)
_ray_internals.limit_automatic_start()
_ray_internals.report_errors_to_living_heads(answers)
os.register_at_fork(after_in_child=_forget_parent)
