"""``scale``: sets the number of executors."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from py4j.protocol import Py4JJavaError

from raydp._application import Application, current_application
from raydp._application.startup_failures import explain
from raydp._configuration.arguments import check_whole_number, suggests_arguments
from raydp._session.standalone_session import find_standalone_session
from raydp.errors import InvalidArgumentError, SessionError

if TYPE_CHECKING:
    from raydp._application.status import ApplicationStatus

__all__ = ["scale"]

_LONGEST_WAIT_SECONDS = 1.0
_LONGEST_TIMEOUT_SECONDS = 7 * 24 * 3600.0


@suggests_arguments(timeout="timeout_seconds", count="num_executors")
def scale(num_executors: int, *, timeout_seconds: float = 60.0) -> int:
    """Set the number of executors of the running application, and wait until it is reached or the timeout passes.

    To reduce the number, raydp first cancels pending executors, then stops idle ones, then busy ones. A busy executor
    takes no new tasks, finishes its running ones, hands its shuffle and cached blocks to the others, and ends. If
    ``spark.decommission.enabled`` is ``false``, it ends at once, and its tasks run again elsewhere.

    Executors that cannot be placed yet stay requested after this returns. Ray's autoscaler sees them as demand.

    Args:
        num_executors: Number of executors, 0 or more. With 0, jobs wait.
        timeout_seconds: How long to wait for executors to start and to leave; 0 does not wait.

    Returns:
        How many executors take tasks now. If there are fewer than requested, the others are still pending.

    Raises:
        InvalidArgumentError: The number or the timeout is out of range, or the placement group that was made for the
            application has too few bundles.
        SessionError: No application runs, or Spark's dynamic allocation sets the number of its executors.
        ClusterError: The application failed: Ray is gone, or no node can ever hold an executor.
        ExecutorStartError: The application failed, because no executor could start.
    """
    num_executors = check_whole_number("num_executors", num_executors, least=0)
    if isinstance(timeout_seconds, bool) or not 0 <= timeout_seconds <= _LONGEST_TIMEOUT_SECONDS:
        raise InvalidArgumentError(f"timeout_seconds must be between 0 and a week; got: {timeout_seconds!r}")
    standalone = find_standalone_session()
    if standalone is not None:
        return standalone.cluster.scale(num_executors, timeout_seconds=timeout_seconds)
    application = current_application()
    _check(application, num_executors)
    try:
        application.entry_points.resize(num_executors)
    except Py4JJavaError as error:
        raise explain(error, application.cluster, application.started_at) from error
    return _await(application, num_executors, time.monotonic() + timeout_seconds)


def _check(application: Application, count: int) -> None:
    if application.settings.get("spark.dynamicAllocation.enabled", "false").strip().lower() == "true":
        raise SessionError(
            "Spark's dynamic allocation sets the number of executors of this session and would undo the change. Set "
            "spark.dynamicAllocation.minExecutors and .maxExecutors when the session starts, or turn "
            f"spark.dynamicAllocation.enabled off. Executors asked for: {count}"
        )
    reservation = application.reservation
    most = None if reservation is None else reservation.most_executors
    if most is not None and count > most:
        raise InvalidArgumentError(
            "The placement group of the application has one bundle for each executor that it started with, "
            "and a placement group cannot grow. Start the session with more executors, or without "
            "placement_group_strategy. "
            f"Executors asked for: {count}; bundles: {most}"
        )


def _await(application: Application, count: int, deadline: float) -> int:
    status = application.status()
    while not _has_settled(status, count) and (remaining := deadline - time.monotonic()) > 0:
        wait = min(_LONGEST_WAIT_SECONDS, 0.001 + remaining)
        status = application.entry_points.await_change(status.sequence, wait)
    if status.failure is not None:
        raise status.failure.error(status.failure.message)
    return sum(executor.takes_tasks for executor in status.executors)


def _has_settled(status: ApplicationStatus, count: int) -> bool:
    if status.failure is not None:
        return True
    return status.desired == count == len(status.living) and all(executor.takes_tasks for executor in status.living)
