"""The start of an application: from a master URL and settings to executors on their way.

The context hook calls :func:`prepare` just before the ``SparkContext`` is made, and :func:`started` when it is up.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from raydp._application import driver_jvm, end
from raydp._application.application import Application
from raydp._application.banner import print_banner
from raydp._application.entry_points import EntryPoints
from raydp._application.lifecycle import lifecycle
from raydp._application.metrics import MetricsExport, metrics_settings
from raydp._application.settings import archive_settings, checked, defaults, ray_properties, resolved
from raydp._application.startup_progress import StartupProgress
from raydp._configuration import registry
from raydp._configuration.security import security_settings
from raydp._doctor import check_address, preflight
from raydp._doctor.nodes import NodePreflight
from raydp._machine.java import find_java
from raydp._ray import placement as _placement
from raydp._ray.cluster import join_cluster
from raydp._ray.runtime_environment import inherited_settings
from raydp._spark.python_workers import worker_settings
from raydp.errors import SessionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from py4j.java_gateway import JVMView

    from raydp._machine.java import Java
    from raydp._ray.cluster import RayCluster

__all__ = ["prepare", "refuse_spark_connect", "started"]


def prepare(master: str, given: Mapping[str, str]) -> dict[str, str]:
    """Get everything ready for a ``SparkContext``: Java, Ray and the JVM, and request the first actors.

    Args:
        master: A master URL of ours.
        given: The settings that the program gave its context.

    Returns:
        The settings to add to them.

    Raises:
        RaydpError: Something is missing or wrong. Nothing that was started here keeps running.
    """
    refuse_spark_connect()
    settings = checked(given)
    end.context_stopped()  # the last application, if its context ended without a word
    lifecycle.prepare()
    try:
        end.end_jvm()  # a JVM that was connected to one Ray cluster cannot be relied on to join the next one
        added = _prepare(master, settings)
    except BaseException as error:
        explained = end.failed_to_start(error)
        if explained is error:
            raise
        raise explained from error
    complete = {**added, **settings}
    return {key: value for key, value in complete.items() if given.get(key) != value}


def _prepare(master: str, settings: dict[str, str]) -> dict[str, str]:
    jvm = driver_jvm.reusable_jvm()
    java = find_java() if jvm is None else None
    preflight(settings)
    protection = security_settings(settings)
    worker = worker_settings(settings)
    cluster = join_cluster(master)
    check_address(cluster.node_address)
    settings |= protection
    added = {**defaults(cluster, settings), **worker, **inherited_settings(settings), **metrics_settings(settings)}
    if java is not None:
        added |= archive_settings(java, settings)
    complete = {**added, **settings, "spark.master": master}
    if jvm is None:
        assert java is not None
        jvm = driver_jvm.launch(java, complete)
        settings |= resolved(EntryPoints(jvm), settings)
    return added | _request_application(jvm, java, cluster, {**complete, **settings})


def _request_application(
    jvm: JVMView, java: Java | None, cluster: RayCluster, settings: dict[str, str]
) -> dict[str, str]:
    """Have the JVM ask Ray for the application's actors; return the settings that this adds."""
    entry_points = EntryPoints(jvm)
    entry_points.set_system_properties(ray_properties(cluster))
    placement = _placement.reserve(settings, entry_points.executor_demand)
    added = placement.settings if placement is not None else {}
    complete = {**settings, **added}
    application_id = complete[registry.APPLICATION_ID.key]
    application = Application(
        application_id=application_id,
        cluster=cluster,
        jvm=jvm,
        settings=complete,
        progress=StartupProgress(entry_points, enabled=registry.progress(complete)),
        nodes=NodePreflight(complete),
        metrics=MetricsExport(entry_points, application_id, complete),
        java=java,
        placement=placement,
    )
    lifecycle.request(application)
    entry_points.prestart(complete)
    return added


def started() -> None:
    """Note that the ``SparkContext`` is up, and tell the user where it runs."""
    application = lifecycle.start()
    application.progress.close()
    application.metrics.start()
    print_banner(application)


def refuse_spark_connect() -> None:
    """Raise an error in a process in which PySpark is a Spark Connect client."""
    if os.environ.get("SPARK_CONNECT_MODE_ENABLED") or os.environ.get("SPARK_LOCAL_REMOTE"):
        raise SessionError(
            "Spark Connect is on in this process, and a Connect session cannot be the driver of an application on Ray. "
            "Unset SPARK_REMOTE, set SPARK_API_MODE=classic and restart Python"
        )
