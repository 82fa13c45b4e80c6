"""Explains why an application did not start: one of raydp's errors, with the ends of the workers' logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from py4j.protocol import Py4JJavaError

from raydp._ray.worker_logs import ends_of_worker_logs
from raydp._spark.java_errors import ERRORS, JavaCause, describe, translated
from raydp.errors import InvalidArgumentError, RaydpError, SessionError

if TYPE_CHECKING:
    from raydp._ray.cluster import RayCluster

__all__ = ["explain", "explain_start"]

_FAILURE_CLASS = "io.raydp.lifecycle.RayApplicationException"
_CONFIGURATION_CLASS = "io.raydp.configuration.ConfigurationException"


def explain_start(
    error: BaseException, cluster: RayCluster | None, started_at: float, broken_nodes: str, exit_code: int | None
) -> BaseException:
    """Explain an error after which the JVM ends. It asks the JVM for everything that the message needs.

    Args:
        error: What a call to the JVM raised, like the following three as for :func:`explain`.
        cluster: The Ray cluster.
        started_at: When the start began.
        broken_nodes: What is broken on the cluster's machines.
        exit_code: That of the JVM, if it has ended and caused the error.
    """
    if exit_code is not None:
        return SessionError(
            "The Spark driver's JVM ended while Spark started; its output is above. Was it killed, perhaps because "
            f"memory ran out, or is one of the spark.driver.* settings wrong? Exit code: {exit_code}"
        )
    explained = explain(error, cluster, started_at, broken_nodes)
    if not isinstance(explained, Py4JJavaError):
        return explained
    refused = SessionError(
        f"Spark could not be started; check the settings that its own error names. {describe(explained)}"
    )
    refused.__cause__ = error
    return refused


def explain(
    error: BaseException, cluster: RayCluster | None, started_at: float, broken_nodes: str = ""
) -> BaseException:
    """Return the error that says why the application did not start, or cannot continue.

    Args:
        error: What a call to the JVM raised.
        cluster: The Ray cluster of the executors, if it was reached.
        started_at: When the start began, in seconds since the epoch; older logs are not shown.
        broken_nodes: What is broken on the cluster's machines, each on a new line; empty if nothing is.

    Returns:
        One of raydp's errors if the cause is known, else ``error`` itself.
    """

    def error_for(cause: JavaCause) -> RaydpError | None:
        if cause.class_name == _CONFIGURATION_CLASS:
            return InvalidArgumentError(cause.message)
        if cause.class_name != _FAILURE_CLASS:
            return None
        # The JVM's FailureKind says which error it is, and whether the executors' logs explain it.
        error_type = ERRORS[str(cause.exception.error())]
        if cluster is None or not cause.exception.isInLogs():
            return error_type(cause.message)
        return error_type(cause.message + broken_nodes + ends_of_worker_logs(since=started_at))

    if not isinstance(error, Py4JJavaError):
        return error
    return translated(error, error_for) or error
