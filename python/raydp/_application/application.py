"""One Spark application on Ray, as this Python process sees it.

At most one at a time, because Spark allows one ``SparkContext`` per process. The context hook calls
:func:`prepare` just before the context is made and the other functions at the end of its life.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import os
import secrets
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from raydp._application import startup_failures as _startup_failures
from raydp._application.entry_points import ENTRY_CLASS, EntryPoints, ExecutorChanges
from raydp._application.metrics import MetricsExport, metrics_settings
from raydp._application.startup_progress import StartupProgress
from raydp._configuration import former_names as _former_names
from raydp._configuration import registry as _configuration
from raydp._configuration import setting as _settings
from raydp._configuration.security import security_settings, ui_asks_for_token
from raydp._doctor import check_address, preflight
from raydp._doctor.nodes import NodePreflight
from raydp._machine import installation as _installation
from raydp._machine.class_data import Role, archive_in_background, find_archive
from raydp._machine.java import Java, find_java
from raydp._ray import placement as _placement
from raydp._ray.cluster import RayCluster, join_cluster
from raydp._ray.runtime_environment import inherited_settings
from raydp._spark import internals as _spark_internals
from raydp._spark.gateway import GatewayProcess, launch_gateway_process
from raydp._spark.python_workers import worker_settings
from raydp.errors import SessionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from py4j.java_gateway import JVMView
    from pyspark import SparkContext

    from raydp._application.status import ApplicationStatus
    from raydp._exchange.driver.exchange import Exchange

__all__ = [
    "Application",
    "checked",
    "context_stopped",
    "current_application",
    "defaults",
    "end_jvm",
    "failed_to_start",
    "prepare",
    "ray_properties",
    "refuse_connect",
    "started",
    "stop",
    "ui_url",
]

_logger = logging.getLogger(__name__)
_lock = threading.RLock()
_JVM_END_TIMEOUT_SECONDS = 20.0
_FILE_KEYS = ("spark.jars", "spark.files", "spark.archives", "spark.submit.pyFiles")


@dataclass
class Application:
    """A running (or starting) application.

    Attributes:
        application_id: Unique name; scopes actors, sockets and files.
        cluster: The Ray cluster it runs on.
        jvm: The driver's JVM.
        settings: Spark configuration that the context was made with.
        progress: The bar of its start.
        nodes: What the other machines of the cluster say of themselves.
        metrics: What gives Spark's metrics to Ray.
        java: What its JVM was started with; ``None`` if it ran before.
        placement: The placement group that was made for it, if any.
        started_at: When its start began, in seconds since the epoch.
        is_up: Whether its context has come up.
    """

    application_id: str
    cluster: RayCluster
    jvm: JVMView
    settings: Mapping[str, str]
    progress: StartupProgress
    nodes: NodePreflight
    metrics: MetricsExport
    java: Java | None = None
    placement: _placement.Placement | None = None
    started_at: float = field(default_factory=time.time)
    is_up: bool = False
    _exchange: Exchange | None = field(default=None, init=False)
    _exchange_lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    @property
    def entry_points(self) -> EntryPoints:
        """The application in the driver JVM."""
        return EntryPoints(self.jvm)

    def status(self) -> ApplicationStatus:
        """Return what the driver JVM knows of the application: phase, executors, failure."""
        return self.entry_points.status()

    def executor_nodes(self) -> list[str]:
        """Return the ids (hex) of the Ray nodes that have a registered executor."""
        return sorted({executor.node for executor in self.status().registered if executor.node})

    @property
    def exchange(self) -> Exchange:
        """The application's end of the exchange, made when it is first used."""
        from raydp._exchange.driver.exchange import Exchange

        with self._exchange_lock:
            if self._exchange is None:
                self._exchange = Exchange(
                    application_id=self.application_id,
                    jvm=self.jvm,
                    executor_nodes=self.executor_nodes,
                    await_change=ExecutorChanges(self.entry_points),
                    settings=self.settings,
                )
            return self._exchange

    def keep_data(self) -> None:
        """Hold the blocks of DataFrames made from Datasets beyond the application's end."""
        if self._exchange is not None:
            _kept.append(self._exchange.held_blocks())

    def close(self) -> None:
        """End what this process holds for the application; blocks that a Dataset holds stay."""
        self.progress.close()
        self.nodes.close()
        self.metrics.close()
        with self._exchange_lock:
            exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.close()
        if self.placement is not None:
            self.placement.release()


_kept: list[Any] = []
_current: Application | None = None
_process: GatewayProcess | None = None
_process_was_used = False


def current_application() -> Application:
    """Return the running application.

    Raises:
        SessionError: There is none: it was never started, or it was stopped.
    """
    if _current is None or not _spark_internals.is_context_active():
        raise SessionError(
            "There is no running Spark session on Ray: it was stopped or never started. Call raydp.init_spark(...), "
            'or build a session with the master "ray", and make the DataFrame with it'
        )
    return _current


def prepare(master: str, settings: Mapping[str, str]) -> dict[str, str]:
    """Get everything ready for a ``SparkContext``: Java, Ray, the JVM, and the first actors on their way.

    Args:
        master: A master URL of ours.
        settings: The configuration that the context is to be made with.

    Returns:
        The settings to add to it.

    Raises:
        RaydpError: Something is missing or wrong; nothing is left running that was started here.
    """
    with _lock:
        refuse_connect()
        given, settings = settings, checked(settings)
        reused = _reusable_jvm()
        java = find_java() if reused is None else None
        preflight(settings)
        protection = security_settings(settings)
        worker = worker_settings(settings)
        cluster = join_cluster(master)
        check_address(cluster.node_address)
        settings |= protection
        added = {**defaults(cluster, settings), **worker, **inherited_settings(settings), **metrics_settings(settings)}
        if java is not None:
            added |= _archive_settings(java, settings)
        complete = {**added, **settings, "spark.master": master}
        try:
            jvm = reused
            if java is not None:
                jvm = _launch(java, complete)
                settings |= _resolved(jvm, settings)
            added |= _request_application(jvm, java, cluster, {**complete, **settings})
        except BaseException as error:
            raise failed_to_start(error) from error
        complete = {**added, **settings}
        return {key: value for key, value in complete.items() if given.get(key) != value}


def checked(given: Mapping[str, str]) -> dict[str, str]:
    """Return an application's settings by the names that they have now; the user is told of old ones.

    Raises:
        InvalidArgumentError: A setting cannot work.
    """
    settings = _former_names.translate(given)
    _configuration.check(settings)
    _former_names.note(given)
    return settings


def _request_application(jvm: Any, java: Java | None, cluster: RayCluster, settings: dict[str, str]) -> dict[str, str]:
    """Have the JVM ask Ray for the application's actors; return settings that came up on the way."""
    global _current, _process_was_used
    entry_points = EntryPoints(jvm)
    entry_points.set_system_properties(ray_properties(cluster))
    placement = _placement.reserve(settings, entry_points.executor_demand)
    added = placement.settings if placement is not None else {}
    complete = {**settings, **added}
    nodes = NodePreflight(complete)
    progress = StartupProgress(entry_points, enabled=_configuration.progress(complete))
    application_id = complete[_configuration.APPLICATION_ID.key]
    metrics = MetricsExport(entry_points, application_id, complete)
    _current = Application(application_id, cluster, jvm, complete, progress, nodes, metrics, java, placement)
    _process_was_used = True
    entry_points.prestart(complete)
    return added


def started() -> None:
    """Tell the user where the application is, once its context is up."""
    application = _current
    if application is None:
        return
    application.is_up = True
    application.progress.close()
    application.metrics.start()
    if _configuration.BANNER.get(application.settings):
        ui = _ui_line(application)
        registered = len(application.status().registered)
        print(
            f"raydp: {application.application_id} runs on Ray at {application.cluster.address} "
            f"({registered} executor{'' if registered == 1 else 's'} so far); Spark UI: {ui}",
            file=sys.stderr,
        )


def ui_url() -> str | None:
    """Return the link to the Spark UI of the running application, with the token that opens it.

    Returns:
        The link, or ``None`` when the UI is off (``spark.ui.enabled``). Whoever has it sees the application's
        settings, queries and logs, and can end its jobs.

    Raises:
        SessionError: No application runs.
    """
    application = current_application()
    address = application.entry_points.ui_address()
    return None if address is None else _ui_link(application, address)


def _ui_link(application: Application, address: str) -> str:
    if not ui_asks_for_token(application.settings):
        return address
    return f"{address}/?token={application.entry_points.ui_token()}"


def _ui_line(application: Application) -> str:
    """Where the UI is. Only a terminal gets the token: what is not one may well be kept as a log."""
    address = application.entry_points.ui_address()
    if address is None:
        return "off"
    if ui_asks_for_token(application.settings) and not sys.stderr.isatty():
        return f"{address} (raydp.ui_url() has the link that opens it)"
    return _ui_link(application, address)


def failed_to_start(error: BaseException) -> BaseException:
    """Clean up after a context that did not come up and return the error that says why."""
    with _lock:
        application = _current
        explained = _startup_failures.explain_start(
            error,
            application.cluster if application is not None else None,
            application.started_at if application is not None else 0.0,
            application.nodes.report() if application is not None else "",
        )
        _close_current()
        end_jvm()
        return explained


def stop(*, keep_data: bool) -> None:
    """Stop the running application, if there is one.

    Args:
        keep_data: Keep the blocks that only DataFrames hold until the process ends.
    """
    application = _current
    if application is None:
        return
    if keep_data:
        application.keep_data()
    _spark_internals.stop_active_context()


def context_stopped(context: SparkContext) -> None:
    """End the application that belonged to a context."""
    del context  # one context per process: the running application is its own
    # A context that failed to start stops itself on the way out; what it failed with is explained first.
    if _current is not None and _current.is_up and not _spark_internals.is_context_active():
        _close_current()


def end_jvm() -> None:
    """End the JVM that :func:`prepare` launched, and make PySpark forget it; bounded, idempotent."""
    global _process
    with _lock:
        process, _process = _process, None
        if process is None:
            return
        _spark_internals.forget_gateway()
        if process.process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                process.process.stdin.close()  # the JVM ends when its standard input does
        try:
            process.process.wait(_JVM_END_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            _logger.warning(
                "The Spark driver's JVM did not end by itself within %.0f s and is killed: process %d",
                _JVM_END_TIMEOUT_SECONDS,
                process.process.pid,
            )
            process.process.kill()
            process.process.wait()


def _close_current() -> None:
    global _current
    with _lock:
        application, _current = _current, None
    if application is not None:
        application.close()
        if application.is_up:
            _archive_classes(application)


def _archive_classes(application: Application) -> None:
    settings = application.settings
    has_own = settings.get(_configuration.EXECUTOR_CLASS_DATA_ARCHIVE.key)
    if application.java is None or has_own or not _configuration.ARCHIVE_CLASSES.get(settings):
        return
    if archive_in_background(application.java) and _configuration.BANNER.get(settings):
        print(
            "raydp: Java's classes are archived in the background, once, with low priority, so that the next start "
            f"takes less time ({_configuration.ARCHIVE_CLASSES.key}=false keeps it from that)",
            file=sys.stderr,
        )


def refuse_connect() -> None:
    """Refuse to go on in a process in which PySpark is a Spark Connect client."""
    if os.environ.get("SPARK_CONNECT_MODE_ENABLED") or os.environ.get("SPARK_LOCAL_REMOTE"):
        raise SessionError(
            "Spark Connect is on in this process, and a Connect session cannot be the driver of an application on Ray. "
            "Unset SPARK_REMOTE, set SPARK_API_MODE=classic and start Python again"
        )


def _reusable_jvm() -> JVMView | None:
    """Return a JVM that runs already and can hold the application; end one of ours that held another before."""
    if _process is not None and _process_was_used:
        end_jvm()  # what was connected to one Ray cluster cannot be relied on to join the next one
    jvm = _spark_internals.running_jvm()
    if jvm is None:
        return None
    if not _spark_internals.has_class(jvm, ENTRY_CLASS):
        raise SessionError(
            "A Spark JVM without raydp's jar runs in this process already: another SparkContext or SparkSession was "
            "made before. Import raydp and start the session on Ray first, or start Python again"
        )
    return jvm


def _launch(java: Any, settings: Mapping[str, str]) -> JVMView:
    global _process, _process_was_used
    _process, _process_was_used = launch_gateway_process(java, settings), False
    return _spark_internals.adopt_gateway(_process)


def _resolved(jvm: JVMView, settings: Mapping[str, str]) -> dict[str, str]:
    """Return what spark-submit has made of settings that name files: packages are among the jars then, and so on."""
    values = {key: EntryPoints(jvm).system_property(key) for key in _FILE_KEYS if key in settings}
    return {key: value for key, value in values.items() if value}


def defaults(cluster: RayCluster, settings: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of an application that its user left open."""
    moment = dt.datetime.now(tz=dt.UTC).strftime("%Y%m%d-%H%M%S")
    jars = os.pathsep.join(map(str, _installation.class_path()))
    added = {
        "spark.app.name": "raydp",
        _configuration.APPLICATION_ID.key: f"raydp-{moment}-{secrets.token_hex(3)}",
        _configuration.EXECUTOR_CLASS_PATH.key: jars,
        "spark.driver.host": cluster.node_address,
        "spark.driver.bindAddress": cluster.node_address,
        # Executors that are to go finish their tasks and hand their blocks to others.
        "spark.decommission.enabled": "true",
        "spark.storage.decommission.enabled": "true",
        # So that idle ones need not stay for the sake of their shuffle files.
        "spark.dynamicAllocation.shuffleTracking.enabled": "false",
        # What raydp.register names; loaded when a query first mentions it.
        "spark.sql.catalog.ray": "io.raydp.exchange.RayCatalog",
    }
    decommissioning = ("spark.decommission.enabled", "spark.storage.decommission.enabled")
    if not all(_settings.boolean(settings.get(key, "true")) for key in decommissioning):
        del added["spark.dynamicAllocation.shuffleTracking.enabled"]
    if _settings.boolean(settings.get("spark.shuffle.service.enabled", "false")):
        # The service has the files of executors that go, so that they need not be handed over.
        added["spark.storage.decommission.shuffleBlocks.enabled"] = "false"
    return {key: value for key, value in added.items() if key not in settings}


def _archive_settings(java: Java, settings: Mapping[str, str]) -> dict[str, str]:
    key = _configuration.EXECUTOR_CLASS_DATA_ARCHIVE.key
    archive = find_archive(java, Role.EXECUTOR)
    return {key: str(archive)} if archive is not None and key not in settings else {}


def ray_properties(cluster: RayCluster) -> dict[str, str]:
    """Return the Java system properties with which a driver's JVM joins the cluster."""
    return {
        "ray.address": cluster.address,
        "ray.job.namespace": cluster.namespace,
        "ray.job.code-search-path": str(_installation.raydp_jar()),
        "raydp.ray.session-dir": cluster.session_directory,
        "raydp.ray.node-address": cluster.node_address,
    }
