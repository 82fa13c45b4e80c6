"""``attach``: lets a Spark application that raydp did not start exchange data with Ray."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any

import ray

from raydp._attachment.attachment import Attachment, detach_weakly, find_attachment, keep_attachment
from raydp._attachment.connect import connect_attachment
from raydp._attachment.host import AttachedHost, ExecutorsInJvm
from raydp._attachment.jar import check_spark_version, load_jar, send_jar
from raydp._configuration import registry
from raydp._configuration.arguments import check_choice, suggests_arguments
from raydp._exchange.driver.driver_calls import CATALOG_CLASS, CATALOG_KEY
from raydp._exchange.driver.jvm_errors import error_for, error_in_text
from raydp._ray import internals as _ray_internals
from raydp._ray.cluster import join_cluster
from raydp._spark import internals as _spark_internals
from raydp._spark.action_errors import raise_own_errors_in_actions
from raydp._spark.connect_internals import is_connect_session
from raydp._spark.gateway_internals import running_jvm
from raydp.errors import ClusterError, InvalidArgumentError, SessionError

if TYPE_CHECKING:
    from py4j.java_gateway import JVMView
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    from raydp._ray.cluster import RayCluster

__all__ = ["attach"]

_LOCAL = re.compile(r"local(\[.*\])?")


@suggests_arguments(session="spark", spark_session="spark")
def attach(spark: SparkSession, *, exchange: str | None = None) -> Attachment:
    """Let a running Spark application that raydp did not start exchange data with Ray.

    After that, :func:`raydp.from_spark`, :func:`raydp.to_spark`, :func:`raydp.register`, Ray Data's ``from_spark`` and
    ``to_spark``, and the estimators work with its DataFrames, through shared memory. Spark runs where it runs: in this
    process, on a standalone cluster, or on another cluster manager. A machine with executors should have a Ray node of
    the same user. The data of executors without one travels over TCP, to a Ray node of another machine.

    Connect this process to Ray first, with ``ray.init``. raydp's jar is added to the application. The settings
    ``spark.raydp.exchange.*`` are read from the session.

    Sessions of Spark Connect are attached by the first function that needs it. Call this to end that with ``detach``.

    Args:
        spark: The session.
        exchange: ``"auto"``, or ``"shared-memory"`` to make executors without a Ray node on their machine an error.
            Default: the setting ``spark.raydp.exchange.transport``, which is ``"auto"`` by default. In local mode, and
            in sessions of Spark Connect, always ``"shared-memory"``. It has no effect if the application is attached
            already.

    Returns:
        The attachment; the same one as before if the application is attached already. It ends when it is detached, or
        with the application.

    Raises:
        InvalidArgumentError: ``spark`` is not a Spark session, or ``exchange`` or a setting is wrong.
        SessionError: The application was stopped, raydp started it, or its driver accepts no jars; or this is
            called in a Spark task.
        ClusterError: This process is not connected to Ray.
        ExchangeError: Spark has executors on machines without a Ray node, and must not use TCP.
        MissingRequirementError: raydp does not support the application's version of Spark, or the application has a jar
            of another build of raydp.
    """
    attached_to: Any = spark
    if exchange is not None:
        check_choice("exchange", exchange, ("auto", "shared-memory"))
    if not is_connect_session(spark):
        attached_to = _checked_context(spark)
        check_spark_version(spark)
    if not ray.is_initialized():
        raise ClusterError(
            "This process is not connected to Ray, so there is nothing to attach Spark to. Call ray.init() for a local "
            "Ray, or ray.init(address=...) for a cluster, then raydp.attach(spark)"
        )
    cluster = join_cluster("ray")
    known = find_attachment(attached_to)
    if known is not None:
        if known.is_usable():
            return known
        known.detach()
    if is_connect_session(spark):
        return keep_attachment(spark, connect_attachment(spark, cluster))
    jvm = running_jvm()
    assert jvm is not None  # the context runs
    created = _classic_attachment(jvm, spark, cluster, exchange)
    try:
        created.check_machines()
        send_jar(jvm, spark)
    except BaseException:
        created.detach()
        raise
    kept = keep_attachment(attached_to, created)
    if kept is created:
        _spark_internals.set_for_sessions(spark, CATALOG_KEY, CATALOG_CLASS)
        _ray_internals.quieten_from_spark()
        raise_own_errors_in_actions(error_for, error_in_text)
        _spark_internals.call_before_stop(attached_to, detach_weakly(created))
    return kept


def _checked_context(spark: Any) -> SparkContext:
    from pyspark import TaskContext
    from pyspark.sql import SparkSession as ClassicSession

    if TaskContext.get() is not None:
        raise SessionError(
            "raydp.attach was called in a Spark task. Call it in the driver program, where the SparkSession is"
        )
    if not isinstance(spark, ClassicSession) or not hasattr(spark, "_jsparkSession"):
        raise InvalidArgumentError(
            "attach takes a SparkSession, such as SparkSession.builder.getOrCreate() returns; "
            f"got {type(spark).__module__}.{type(spark).__name__}"
        )
    if not _spark_internals.is_running(spark):
        raise SessionError("This Spark session was stopped. Create another one, then call raydp.attach(spark)")
    if _spark_internals.is_on_ray(spark):
        raise SessionError(
            "raydp started this Spark session, so its executors are on Ray already. Call raydp.from_spark(df) without "
            "raydp.attach"
        )
    return spark.sparkContext


def _classic_attachment(jvm: JVMView, spark: SparkSession, cluster: RayCluster, transport: str | None) -> Attachment:
    from raydp._exchange.driver.exchange import Exchange  # it loads ray.data, which takes a second
    from raydp._exchange.driver.jvm_calls import DriverJvm

    settings = _settings_of(spark)
    load_jar(jvm)
    if transport is not None:
        settings[registry.EXCHANGE_TRANSPORT.key] = transport
    # In local mode, the only executor is in the driver JVM, next to this process.
    relays = registry.EXCHANGE_TRANSPORT.get(settings) == "auto" and not _LOCAL.fullmatch(
        spark.sparkContext.master or ""
    )
    host = AttachedHost(ExecutorsInJvm(jvm, spark), relays=relays)
    exchange = Exchange(
        application_id=f"raydp-attached-{secrets.token_hex(4)}",
        jvm=DriverJvm(jvm),
        host=host,
        settings=settings,
        can_call_ray=cluster.can_be_called,
        find_loss=cluster.find_loss,
    )
    return Attachment(spark.sparkContext.applicationId, cluster=cluster, host=host, exchange=exchange)


def _settings_of(spark: SparkSession) -> dict[str, str]:
    """Return the settings of raydp that a session has: from its start, and those that were set later."""
    settings: dict[str, str] = {}
    for setting in registry.SETTINGS:
        value = spark.conf.get(setting.key, None)
        if value is not None:
            settings[setting.key] = value
    registry.check(settings)
    return settings
