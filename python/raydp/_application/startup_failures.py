"""Turns what a failed start of the SparkContext raised into one of our errors, with the logs' ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from py4j.protocol import Py4JJavaError

from raydp._ray import worker_logs as _executor_logs
from raydp.errors import ClusterError, ExecutorStartError, InvalidArgumentError, RaydpError, SessionError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from py4j.java_gateway import JavaObject

    from raydp._ray.cluster import RayCluster

__all__ = ["explain", "explain_start"]

_FAILURE_CLASS = "io.raydp.lifecycle.RayApplicationException"
_CONFIGURATION_CLASS = "io.raydp.configuration.ConfigurationException"
_MAXIMUM_DEPTH = 20
_KINDS: dict[str, type[RaydpError]] = {
    "infeasible": ClusterError,
    "ray_unreachable": ClusterError,
    "start_failed": ExecutorStartError,
    "start_timeout": ExecutorStartError,
    "executors_lost": ExecutorStartError,
    "invalid_configuration": InvalidArgumentError,
    "stopped": SessionError,
}
_KINDS_WITH_LOGS = frozenset({"start_failed", "start_timeout", "executors_lost"})


def explain_start(
    error: BaseException, cluster: RayCluster | None, started_at: float, broken_nodes: str
) -> BaseException:
    """As :func:`explain`, for a start after which the JVM ends: the JVM would be asked for the text of its errors."""
    explained = explain(error, cluster, started_at, broken_nodes)
    if not isinstance(explained, Py4JJavaError):
        return explained
    message = explained.java_exception.toString()
    return SessionError(f"Spark could not be started; check the settings that its own error names. {message}")


def explain(
    error: BaseException, cluster: RayCluster | None, started_at: float, broken_nodes: str = ""
) -> BaseException:
    """Return the error that says why the application did not start or go on.

    Args:
        error: What a call to the JVM raised.
        cluster: The Ray cluster that the executors were to run on, if it was reached.
        started_at: When the start began, in seconds since the epoch; older logs are not shown.
        broken_nodes: What is broken on the cluster's machines, each on a new line; empty if nothing is known to be.

    Returns:
        One of raydp's errors where the cause is known, else ``error`` itself.
    """
    if not isinstance(error, Py4JJavaError):
        return error
    failure: BaseException = error
    for cause in _causes(error.java_exception):
        name = cause.getClass().getName()
        if name == _CONFIGURATION_CLASS:
            return InvalidArgumentError(str(cause.getMessage()))
        if name == _FAILURE_CLASS:
            kind, message = str(cause.kind()), str(cause.getMessage())
            if kind in _KINDS_WITH_LOGS and cluster is not None:
                message += broken_nodes + _executor_logs.ends_of_worker_logs(since=started_at)
            return _error_class(kind)(message)
    return failure


def _error_class(kind: str) -> type[RaydpError]:
    return _KINDS.get(kind, ClusterError)


def _causes(exception: JavaObject) -> Iterator[JavaObject]:
    for _ in range(_MAXIMUM_DEPTH):
        if exception is None:
            return
        yield exception
        exception = exception.getCause()
