"""``attach``: the exchange for a Spark application that raydp did not start."""

from __future__ import annotations

import functools
import logging
import os
import secrets
import threading
import weakref
from typing import TYPE_CHECKING, Any

import ray

from raydp._attachment.host import AttachedHost
from raydp._attachment.jar import check_spark_version, load_jar, send_jar
from raydp._configuration import registry
from raydp._configuration.arguments import suggests_arguments
from raydp._exchange.driver.jvm_calls import CATALOG_CLASS, CATALOG_KEY
from raydp._exchange.driver.jvm_errors import error_for, error_in_text
from raydp._machine.descriptions import describe_html
from raydp._ray import internals as _ray_internals
from raydp._ray.cluster import join_cluster
from raydp._spark import internals as _spark_internals
from raydp._spark.action_errors import raise_own_errors_in_actions
from raydp._spark.gateway_internals import running_jvm
from raydp.errors import ClusterError, InvalidArgumentError, SessionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from py4j.java_gateway import JVMView
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    from raydp._exchange.driver.exchange import Exchange
    from raydp._ray.cluster import RayCluster

__all__ = ["Attachment", "attach", "find_attachment"]

_logger = logging.getLogger(__name__)
_CLOSE_SECONDS = 20.0

_attachments: weakref.WeakKeyDictionary[SparkContext, Attachment] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


class Attachment:
    """What connects a running Spark application and a Ray cluster: :func:`attach` returns it.

    Use it in a ``with`` statement to detach at its end. It ends with the application.

    Attributes:
        application_id: Spark's id of the application.
        is_stopping: Whether it was detached, or the application was stopped.
    """

    def __init__(self, jvm: JVMView, spark: SparkSession, cluster: RayCluster) -> None:
        self.application_id: str = spark.sparkContext.applicationId
        self.is_stopping = False
        self._cluster = cluster
        self._context = weakref.ref(spark.sparkContext)
        settings = _settings_of(spark)
        load_jar(jvm)
        self._host = AttachedHost(jvm, spark, on_end=self._end_in_background)
        self._exchange = _make_exchange(jvm, self._host, cluster, settings)

    @property
    def exchange(self) -> Exchange:
        """The application's exchange.

        Raises:
            SessionError: It was detached, or this process has left the Ray cluster.
        """
        if self.is_stopping:
            raise SessionError(
                "Spark is not attached to Ray any more: it was detached or stopped. Call raydp.attach(spark) again. "
                f"Application: {self.application_id}"
            )
        if not self._cluster.is_joined():
            raise self._left_error()
        return self._exchange

    def check_machines(self) -> None:
        """Raise ``ExchangeError`` if Spark has executors on machines without a Ray node."""
        self._host.executor_nodes()

    def death_error(self) -> SessionError | None:
        """Return the error that says what has ended of Spark and Ray, or ``None`` if both go on."""
        if not self._cluster.is_joined():
            return self._left_error()
        loss = self._cluster.find_loss()
        if loss is not None:
            return self._ray_error(f"{loss}. Call ray.shutdown(), before Ray ends this process, then")
        if not self._host.answers():
            return SessionError(
                "Spark's driver JVM does not answer; it was probably killed. Start this program again: PySpark cannot "
                f"start another JVM in it. Application: {self.application_id}"
            )
        return None

    def _left_error(self) -> SessionError:
        return self._ray_error("this process has left the Ray cluster that it was attached to. Call")

    def _ray_error(self, reason: str) -> SessionError:
        return SessionError(
            f"Spark cannot exchange data with Ray any more: {reason} ray.init(...), and raydp.attach(spark) again. "
            f"Application: {self.application_id}, cluster: {self._cluster.address}"
        )

    def is_usable(self) -> bool:
        """Tell whether conversions can use it: it was not detached, and Ray still runs."""
        return not self.is_stopping and self._cluster.is_joined()

    def detach(self) -> None:
        """End the exchange: its agents, DataFrames over Ray's blocks, and names in Spark. Idempotent.

        Spark and Ray go on. Datasets stay readable. Blocks that are lost later are not recomputed.
        """
        with _lock:
            if self.is_stopping:
                return
            self.is_stopping = True
            context = self._context()
            if context is not None and _attachments.get(context) is self:
                del _attachments[context]
        # In a thread, because Ray does not bound its calls to a cluster that is gone.
        closing = threading.Thread(target=self._close, name="raydp-detach", daemon=True)
        closing.start()
        closing.join(_CLOSE_SECONDS)
        if closing.is_alive():
            _logger.warning(
                "Spark was not detached from Ray within %.0f s; is Ray overloaded, or gone? Ray frees what is left "
                "when this process ends. Application: %s",
                _CLOSE_SECONDS,
                self.application_id,
            )

    def __enter__(self) -> Attachment:
        return self

    def __exit__(self, *_: object) -> None:
        self.detach()

    def __repr__(self) -> str:
        return f"<Attachment; {'; '.join(f'{name}: {value}' for name, value in self._describe().items())}>"

    def _repr_html_(self) -> str:
        return describe_html("Spark attached to Ray", self._describe())

    def _describe(self) -> dict[str, str]:
        state = "attached" if self.is_usable() else "ended"
        return {"state": state, "application": self.application_id, "Ray": self._cluster.address}

    def _end_in_background(self) -> None:
        threading.Thread(target=self.detach, name="raydp-attachment-end", daemon=True).start()

    def _close(self) -> None:
        try:
            with _ray_internals.without_starting_ray():
                self._exchange.close()
        except Exception as error:  # Spark's JVM or Ray has ended before
            _logger.info("A part of the attachment of %s had ended before: %s", self.application_id, error)
        self._host.close()


@suggests_arguments(session="spark", spark_session="spark")
def attach(spark: SparkSession) -> Attachment:
    """Let a running Spark application that raydp did not start exchange data with Ray.

    After that, :func:`raydp.from_spark`, :func:`raydp.to_spark`, :func:`raydp.register`, Ray Data's ``from_spark`` and
    ``to_spark``, and the estimators work with its DataFrames, through shared memory. Spark runs where it runs: in this
    process, on a standalone cluster, or on another cluster manager. On each machine with executors there must be a Ray
    node of the same user.

    Connect this process to Ray first, with ``ray.init``. raydp's jar is added to the application. The settings
    ``spark.raydp.exchange.*`` are read from the session.

    Args:
        spark: The session.

    Returns:
        The attachment; the same one as before if the application is attached already. It ends when it is detached, or
        with the application.

    Raises:
        InvalidArgumentError: ``spark`` is not a classic Spark session, or a setting is wrong.
        SessionError: The application was stopped, raydp started it, or its driver accepts no jars; or this is
            called in a Spark task.
        ClusterError: This process is not connected to Ray.
        ExchangeError: Spark has executors on machines without a Ray node.
        MissingRequirementError: raydp does not support the application's version of Spark, or the application has a jar
            of another build of raydp.
    """
    context = _checked_context(spark)
    check_spark_version(spark)
    if not ray.is_initialized():
        raise ClusterError(
            "This process is not connected to Ray, so there is nothing to attach Spark to. Call ray.init() for a local "
            "Ray, or ray.init(address=...) for a cluster, then raydp.attach(spark)"
        )
    cluster = join_cluster("ray")
    known = _attachments.get(context)
    if known is not None:
        if known.is_usable():
            return known
        known.detach()
    jvm = running_jvm()
    assert jvm is not None  # the context runs
    created = Attachment(jvm, spark, cluster)
    try:
        created.check_machines()
        send_jar(jvm, spark)
    except BaseException:
        created.detach()
        raise
    with _lock:
        winner = _attachments.setdefault(context, created)
    if winner is not created:  # another thread was faster
        created.detach()
        return winner
    _spark_internals.set_for_sessions(spark, CATALOG_KEY, CATALOG_CLASS)
    _ray_internals.quieten_from_spark()
    raise_own_errors_in_actions(error_for, error_in_text)
    _spark_internals.call_before_stop(context, functools.partial(_detach_weakly, weakref.ref(created)))
    return created


def find_attachment(spark: SparkSession) -> Attachment | None:
    """Return the attachment of a session's application, or ``None``."""
    return _attachments.get(spark.sparkContext)


def _checked_context(spark: Any) -> SparkContext:
    from pyspark import TaskContext
    from pyspark.sql import SparkSession as ClassicSession

    if TaskContext.get() is not None:
        raise SessionError(
            "raydp.attach was called in a Spark task. Call it in the driver program, where the SparkSession is"
        )
    if not isinstance(spark, ClassicSession) or not hasattr(spark, "_jsparkSession"):
        raise InvalidArgumentError(
            "attach takes a classic SparkSession, such as SparkSession.builder.getOrCreate() returns. Sessions of "
            f"Spark Connect cannot be attached yet; got {type(spark).__module__}.{type(spark).__name__}"
        )
    if not _spark_internals.is_running(spark):
        raise SessionError("This Spark session was stopped. Create another one, then call raydp.attach(spark)")
    if _spark_internals.is_on_ray(spark):
        raise SessionError(
            "raydp started this Spark session, so its executors are on Ray already. Call raydp.from_spark(df) without "
            "raydp.attach"
        )
    return spark.sparkContext


def _make_exchange(jvm: JVMView, host: AttachedHost, cluster: RayCluster, settings: Mapping[str, str]) -> Exchange:
    from raydp._exchange.driver.exchange import Exchange  # it loads ray.data, which takes a second

    return Exchange(
        application_id=f"raydp-attached-{secrets.token_hex(4)}",
        jvm=jvm,
        host=host,
        settings=settings,
        is_joined=cluster.is_joined,
        find_loss=cluster.find_loss,
    )


def _settings_of(spark: SparkSession) -> dict[str, str]:
    """Return the settings of raydp that a session has: from its start, and those that were set later."""
    settings: dict[str, str] = {}
    for setting in registry.SETTINGS:
        value = spark.conf.get(setting.key, None)
        if value is not None:
            settings[setting.key] = value
    registry.check(settings)
    return settings


def _detach_weakly(attachment: weakref.ref[Attachment]) -> None:
    known = attachment()
    if known is not None:
        known.detach()


def _detach_all() -> None:
    """Detach what is attached, because the program calls ``ray.shutdown()``: agents end with Ray."""
    for attachment in list(_attachments.values()):
        attachment.detach()


_ray_internals.call_before_shutdown(_detach_all)
_ray_internals.limit_automatic_start()
os.register_at_fork(after_in_child=_attachments.clear)  # a forked child must not end what its parent uses
