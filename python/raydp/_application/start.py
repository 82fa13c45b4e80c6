"""The start of an application: from a master URL and settings to executors on their way.

The context hook calls :func:`prepare` just before the ``SparkContext`` is made, and :func:`started` when it is up.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from py4j.protocol import Py4JError

from raydp._application import driver_jvm, end, submitted
from raydp._application.application import Application
from raydp._application.banner import print_banner, print_room
from raydp._application.cluster_watch import ClusterWatch
from raydp._application.entry_points import EntryPoints
from raydp._application.executor_wait import ExecutorWait
from raydp._application.lifecycle import lifecycle
from raydp._application.metrics import MetricsExport
from raydp._application.room import explain_shortage
from raydp._application.settings import (
    Contribution,
    Driver,
    checked,
    complete_settings,
    merge,
    read_by_spark,
    resolved_files,
)
from raydp._application.sizing import SIZE_KEYS, choose_size, describe_size
from raydp._application.startup_progress import StartupProgress
from raydp._configuration import registry
from raydp._deployments.native import NativeDeployment
from raydp._doctor.nodes import NodePreflight
from raydp._exchange.driver.jvm_errors import error_for, error_in_text
from raydp._machine.interrupts import keep_interrupts, shorten_interrupts
from raydp._machine.java import find_java
from raydp._ray import internals as _ray_internals
from raydp._ray.cluster import node_resources
from raydp._ray.shortage import explain_shortage_with, watch_datasets
from raydp._spark.action_errors import raise_own_errors_in_actions
from raydp.errors import SessionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from raydp._deployments.deployment import Deployment

__all__ = ["prepare", "refuse_spark_connect", "started"]


def prepare(master: str, given: Mapping[str, str]) -> dict[str, str]:
    """Get everything ready for a ``SparkContext``: Java, Ray and the JVM, and request the first actors.

    Args:
        master: A master URL of ours.
        given: The settings that the program gave its context, and what it was submitted with.

    Returns:
        The settings that differ from the given ones.

    Raises:
        RaydpError: Something is missing or wrong. Nothing that was started here keeps running.
    """
    refuse_spark_connect()
    keep_interrupts()
    shorten_interrupts((Py4JError, ConnectionError, SessionError))
    settings = checked(given)
    end.context_stopped()  # closes the last application, if nobody reported the end of its context
    lifecycle.prepare()
    try:
        end.end_jvm()  # a JVM that was connected to one Ray cluster cannot be relied on to join the next one
        complete = _prepare(master, settings, NativeDeployment())
    except BaseException as error:
        explained = end.failed_to_start(error)
        if explained is error:
            raise
        raise explained from error
    return {key: value for key, value in complete.items() if given.get(key) != value}


def _prepare(master: str, checked_settings: Mapping[str, str], deployment: Deployment) -> dict[str, str]:
    """Start the JVM, and request the application's actors; return the complete settings."""
    jvm = driver_jvm.reusable_jvm()
    java = find_java() if jvm is None else None
    driver = Driver(deployment, java, is_python=True)
    cluster, settings = complete_settings(master, checked_settings, driver)
    settings["spark.master"] = master
    if jvm is None:
        assert java is not None
        jvm = driver_jvm.launch(java, settings, cluster.log_folder)
        settings = merge(settings, resolved_files(EntryPoints(jvm), settings))
    entry_points = EntryPoints(jvm)
    settings, taken = _size(settings, entry_points)
    entry_points.set_system_properties(deployment.driver_properties(cluster))
    reservation = deployment.reserve(settings, entry_points)
    try:
        if reservation is not None:
            settings = merge(settings, Contribution(added=reservation.settings))
        application = Application(
            application_id=settings[registry.APPLICATION_ID.key],
            cluster=cluster,
            jvm=jvm,
            settings=settings,
            progress=StartupProgress(entry_points, enabled=registry.progress(settings)),
            executor_wait=ExecutorWait(entry_points, settings),
            nodes=NodePreflight(settings),
            metrics=MetricsExport(entry_points, settings),
            watch=ClusterWatch(cluster),
            java=java,
            reservation=reservation,
            taken=taken,
        )
        lifecycle.request(application)
    except BaseException:
        if reservation is not None:
            reservation.release()
        raise
    deployment.start(settings, entry_points)
    application.executor_wait.start()
    return settings


def _size(settings: dict[str, str], entry_points: EntryPoints) -> tuple[dict[str, str], str | None]:
    """Choose the sizes of executors that nobody gave, and say what executors take then."""
    known = merge(settings, read_by_spark(entry_points, [key for key in SIZE_KEYS if key not in settings]))
    if known.keys() >= set(SIZE_KEYS):
        return settings, None
    nodes = node_resources().values()
    size = choose_size(known, nodes)
    said = describe_size({**known, **size}, nodes, size, submitted.size_names) if size else None
    return merge(settings, Contribution(size)), said


def started() -> None:
    """Note that the ``SparkContext`` is up, and tell the user where it runs."""
    application = lifecycle.start()
    application.progress.close()
    application.metrics.start()
    application.watch.start()
    _ray_internals.quieten_from_spark()
    raise_own_errors_in_actions(error_for, error_in_text)
    watch_datasets()
    print_banner(application)
    print_room(application)


def refuse_spark_connect() -> None:
    """Raise an error in a process in which PySpark is a Spark Connect client."""
    if os.environ.get("SPARK_CONNECT_MODE_ENABLED") or os.environ.get("SPARK_LOCAL_REMOTE"):
        raise SessionError(
            "Spark Connect is on in this process, and a Connect session cannot be the driver of an application on Ray. "
            "Unset SPARK_REMOTE, set SPARK_API_MODE=classic and restart Python"
        )


explain_shortage_with(explain_shortage)
