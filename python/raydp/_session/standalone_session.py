"""A session of ``init_spark`` on a standalone cluster of its own, which starts and ends with it."""

from __future__ import annotations

import atexit
import contextlib
import os
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from py4j.protocol import Py4JError
from pyspark.sql import SparkSession

from raydp._application.settings import checked
from raydp._application.sizing import CORES, COUNT, MEMORY
from raydp._attachment.attach import attach
from raydp._configuration.security import UI_TOKEN, ui_link
from raydp._ray import internals as _ray_internals
from raydp._spark import internals as _spark_internals
from raydp._spark.gateway_internals import end_unused_jvm, running_jvm
from raydp._standalone.start import start_standalone

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from raydp._standalone.cluster import StandaloneCluster

__all__ = ["StandaloneSession", "find_standalone_session", "start_standalone_session"]

_ARGUMENTS = "PYSPARK_SUBMIT_ARGS"
_SHELL = "pyspark-shell"

_sessions: list[StandaloneSession] = []
"""The one that runs, if there is one."""


@dataclass(frozen=True)
class StandaloneSession:
    """A session, and the cluster that it has for itself."""

    spark: SparkSession
    cluster: StandaloneCluster

    def find_ui_link(self) -> str | None:
        """Return the link to the application's UI, with its token; ``None`` if the UI is off."""
        address = self.spark.sparkContext.uiWebUrl
        return None if address is None else ui_link(address, self.cluster.settings.get(UI_TOKEN))

    def stop(self) -> None:
        """Stop the session, then its cluster and its JVM. No error if one of them has ended before."""
        with contextlib.suppress(Py4JError, OSError):  # the JVM has ended
            self.spark.stop()
        _end(self.cluster)  # also if the session could not be stopped
        end_unused_jvm()


def start_standalone_session(app_name: str, settings: Mapping[str, str], *, enable_hive: bool) -> SparkSession:
    """Start a cluster, and make an attached session on it.

    Args:
        app_name: Name of the application.
        settings: Settings of the application. Workers have the sizes of its executors.
        enable_hive: Use Hive's catalog and functions.

    Raises:
        RaydpError: Those of ``start_standalone`` and of ``attach``.
    """
    given = checked(settings)
    memory = given.get(MEMORY)
    cluster = start_standalone(
        num_workers=int(given[COUNT]) if COUNT in given else None,
        worker_cores=int(given[CORES]) if CORES in given else None,
        worker_memory=f"{memory}m" if memory is not None and memory.isdigit() else memory,  # as Spark reads it
        configs={key: value for key, value in given.items() if key not in (COUNT, MEMORY)},
    )
    try:
        spark = _make_session(app_name, cluster, enable_hive=enable_hive)
        _spark_internals.call_after_stop(spark.sparkContext, lambda: _end(cluster))
        _sessions[:] = [StandaloneSession(spark, cluster)]
        attach(spark)
    except BaseException:
        _stop_session()
        cluster.stop()
        raise
    return spark


def find_standalone_session() -> StandaloneSession | None:
    """Return the session on a standalone cluster of its own that runs in this process, or ``None``."""
    return next((one for one in _sessions if _spark_internals.is_running(one.spark)), None)


def _make_session(app_name: str, cluster: StandaloneCluster, *, enable_hive: bool) -> SparkSession:
    builder = SparkSession.builder.appName(app_name)
    if enable_hive:
        builder = builder.enableHiveSupport()
    end_unused_jvm()  # it would not read the cluster's settings
    if running_jvm() is not None:  # that of spark-submit
        return builder.config(map=dict(cluster.settings)).getOrCreate()
    with _submitted_with("--properties-file", str(cluster.properties_file)):
        return builder.getOrCreate()


@contextlib.contextmanager
def _submitted_with(*option: str) -> Iterator[None]:
    """Let PySpark start its JVM with an option of ``spark-submit``. Settings of the builder would be arguments."""
    given = os.environ.get(_ARGUMENTS)
    os.environ[_ARGUMENTS] = f"{shlex.join(option)} {given or _SHELL}"
    try:
        yield
    finally:
        if given is None:
            del os.environ[_ARGUMENTS]
        else:
            os.environ[_ARGUMENTS] = given


def _end(cluster: StandaloneCluster) -> None:
    _sessions[:] = [one for one in _sessions if one.cluster is not cluster]
    cluster.stop()


def _stop_session() -> None:
    """Stop the session because this process exits, or leaves Ray."""
    for session in list(_sessions):
        session.stop()


atexit.register(_stop_session)
_ray_internals.call_before_shutdown(_stop_session)
os.register_at_fork(after_in_child=_sessions.clear)
