"""One Spark application on Ray, as this Python process sees it."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from py4j.protocol import Py4JError
from ray.exceptions import RayError

from raydp._application.entry_points import EntryPoints
from raydp._application.lifecycle import lifecycle
from raydp._application.registered_nodes import RegisteredNodes
from raydp._ray.closing import close_in_thread
from raydp._spark.ended_jvm import describe_last_end
from raydp._spark.internals import is_context_active
from raydp.errors import RaydpError, SessionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from py4j.java_gateway import JVMView

    from raydp._application.cluster_watch import ClusterWatch
    from raydp._application.executor_wait import ExecutorWait
    from raydp._application.metrics import MetricsExport
    from raydp._application.startup_progress import StartupProgress
    from raydp._application.status import ApplicationStatus
    from raydp._deployments.deployment import Reservation
    from raydp._doctor.nodes import NodePreflight
    from raydp._exchange.driver.exchange import Exchange
    from raydp._machine.java import Java
    from raydp._ray.cluster import RayCluster

__all__ = ["Application", "current_application", "find_death"]

_logger = logging.getLogger(__name__)
_CLOSE_SECONDS = 20.0
_CLOSE_WITHOUT_CLUSTER_SECONDS = 3.0


@dataclass
class Application:
    """An application that is starting or running.

    Attributes:
        application_id: Unique name; actors, sockets and files are named after it.
        cluster: The Ray cluster that it runs on.
        jvm: The driver JVM.
        settings: The complete settings of its ``SparkContext``.
        progress: The progress bar of its start.
        executor_wait: Tells which executors wait for resources.
        nodes: The checks of the cluster's other machines.
        metrics: Exports Spark's metrics to Ray.
        watch: Tells of the loss of the cluster.
        java: What its JVM was started with; ``None`` if the JVM ran before.
        reservation: What was reserved for it in Ray, if anything.
        taken: What its executors take of the cluster, in words; ``None`` if it was told.
        is_stopping: Whether its ``SparkContext`` is being stopped, or was.
    """

    application_id: str
    cluster: RayCluster
    jvm: JVMView
    settings: Mapping[str, str]
    progress: StartupProgress
    executor_wait: ExecutorWait
    nodes: NodePreflight
    metrics: MetricsExport
    watch: ClusterWatch
    java: Java | None = None
    reservation: Reservation | None = None
    taken: str | None = None
    is_stopping: bool = False
    _exchange: Exchange | None = field(default=None, init=False)
    _exchange_lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _began: tuple[float, float] = field(default_factory=lambda: (time.time(), time.monotonic()), init=False)

    @property
    def started_at(self) -> float:
        """When its start began, in seconds since the epoch; the earlier moment, if the clock was set meanwhile."""
        by_clock, began = self._began
        return min(by_clock, time.time() - (time.monotonic() - began))

    @property
    def entry_points(self) -> EntryPoints:
        """The application in the driver JVM."""
        return EntryPoints(self.jvm)

    def status(self) -> ApplicationStatus:
        """Return what the driver JVM knows of the application: phase, executors, failure."""
        return self.entry_points.status()

    @property
    def exchange(self) -> Exchange:
        """The application's exchange, made at its first use."""
        from raydp._exchange.driver.exchange import Exchange  # it loads ray.data, which takes a second
        from raydp._exchange.driver.jvm_calls import DriverJvm

        with self._exchange_lock:
            if self._exchange is None:
                self._exchange = Exchange(
                    application_id=self.application_id,
                    jvm=DriverJvm(self.jvm),
                    host=RegisteredNodes(self.entry_points),
                    settings=self.settings,
                    can_call_ray=self.cluster.can_be_called,
                    find_loss=self.cluster.find_loss,
                )
            return self._exchange

    def death_error(self) -> SessionError | None:
        """Return the error that says how the application has ended, or ``None`` if nothing that it needs has ended."""
        reason = find_death(self)
        return None if reason is None else _death_error(self, reason)

    def keep_data(self) -> None:
        """Keep the blocks of DataFrames made from Datasets until this process ends."""
        if self._exchange is not None:
            lifecycle.keep_until_exit(self._exchange.leases.references())

    def close(self) -> None:
        """Close what this process holds for the application. Blocks of Datasets stay.

        Bounded, and without an error: the JVM or Ray may have ended before.
        """
        # A head that is frozen or cut off is not lost, but does not answer either.
        limit = _CLOSE_SECONDS if self.cluster.answers() else _CLOSE_WITHOUT_CLUSTER_SECONDS
        close_in_thread(self._close_parts, "raydp-close", limit, f"what this process held for {self.application_id}")

    def _close_parts(self) -> None:
        with self._exchange_lock:
            exchange, self._exchange = self._exchange, None
        parts = [self.watch.close, self.progress.close, self.executor_wait.close, self.nodes.close, self.metrics.close]
        if exchange is not None:
            parts.append(exchange.close)
        if self.reservation is not None and self.cluster.can_be_called():  # a lost cluster has lost it as well
            parts.append(self.reservation.release)
        for close in parts:
            try:
                close()
            except (RaydpError, RayError, Py4JError, OSError) as error:
                _logger.info("A part of %s had ended before: %s", self.application_id, error)
            except Exception:  # a defect in one part must not leave the others open
                _logger.exception("A part of %s could not be closed", self.application_id)


def find_death(application: Application) -> str | None:
    """Return what an application cannot live without and has ended, for a message; ``None`` if nothing has."""
    process = lifecycle.process
    code = None if process is None else process.process.poll()
    if code is not None:
        return f"the driver's JVM has ended, with exit code {code}"
    return (
        application.cluster.find_loss() if application.cluster.is_joined() else "this process has left the Ray cluster"
    )


def current_application() -> Application:
    """Return the running application.

    Raises:
        SessionError: No application runs: it was never started, it was stopped, or its JVM or Ray has ended.
    """
    application = lifecycle.application
    if application is not None and (error := application.death_error()) is not None:
        raise error
    if application is None or not is_context_active():
        raise SessionError(
            f"There is no running Spark session on Ray: {describe_last_end() or 'it was stopped or never started'}. "
            'Call raydp.init_spark(...), or build a session with the master "ray", and make the DataFrame with it'
        )
    return application


def _death_error(application: Application, reason: str) -> SessionError:
    is_ray_lost = application.cluster.is_joined() and application.cluster.find_loss(patience=0.0) is not None
    first = "Call ray.shutdown(), before Ray ends this process, and then start" if is_ray_lost else "Start"
    return SessionError(
        f"The Spark session on Ray cannot be used any more: {reason}. {first} another one with raydp.init_spark(...). "
        f"Application: {application.application_id}"
    )
