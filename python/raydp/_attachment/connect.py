"""Sessions of Spark Connect: what this program needs on their server, and where their executors are."""

from __future__ import annotations

import atexit
import json
import os
import secrets
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

from pyspark.errors import PySparkException

from raydp._attachment.attachment import Attachment
from raydp._attachment.connect_errors import silence_of
from raydp._attachment.host import AttachedHost, KnownExecutors
from raydp._attachment.jar import check_build, check_spark_version, complete_jar
from raydp._configuration import registry
from raydp._ray import internals as _ray_internals
from raydp._spark.connect_calls_of_thread import briefly_retried
from raydp._spark.connect_internals import session_failure, session_is_stopped
from raydp.errors import SessionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import SparkSession

    from raydp._ray.cluster import RayCluster

__all__ = ["connect_attachment"]

_STATE = "io.raydp.exchange.connect.ServerState"
_ANSWER_SECONDS = 10.0
# Short calls rather than one that waits on the server: gRPC prints a line when a process forks during a call.
_POLL_SECONDS = 2.0


def connect_attachment(spark: SparkSession, cluster: RayCluster) -> Attachment:
    """Attach a session of Spark Connect: send the jar to its server if that has none, and begin an exchange.

    Raises:
        InvalidArgumentError: A setting is wrong.
        MissingRequirementError: The server has another version of Spark, or another build of raydp.
        SessionError: The session was stopped, or its server accepts no jars or does not answer.
        ExchangeError: Spark has executors on machines without a Ray node.
    """
    from raydp._spark.connect_retries import limit_retries  # it loads Spark's client

    limit_retries(spark)
    with briefly_retried():
        return _attachment(spark, cluster)


def _attachment(spark: SparkSession, cluster: RayCluster) -> Attachment:
    from raydp._exchange.driver.connect_calls import ConnectCalls
    from raydp._exchange.driver.exchange import Exchange  # it loads ray.data, which takes a second

    _check_answers(spark)
    check_spark_version(spark)
    settings = {key: value for key, value in spark.conf.getAll.items() if key in _KEYS}
    registry.check(settings)
    state = _load_jar(spark)
    check_build(state["build"], "The Spark Connect server has")
    program = f"raydp-connect-{secrets.token_hex(4)}"
    calls = ConnectCalls(spark)
    host = AttachedHost(ExecutorsOnServer(spark, on_close=calls.end))
    exchange = Exchange(
        application_id=program,
        jvm=calls,
        host=host,
        settings=settings,
        can_call_ray=cluster.can_be_called,
        find_loss=cluster.find_loss,
    )
    created = Attachment(state["application"], cluster=cluster, host=host, exchange=exchange)
    try:
        created.check_machines()
        calls.begin(program, exchange.directory.token)
    except BaseException:
        created.detach()
        raise
    _ray_internals.quieten_from_spark()
    return created


class ExecutorsOnServer:
    """The executors that a Spark Connect server knows; implements the protocol ``Executors``.

    Args:
        spark: The session.
        on_close: Called when nothing asks for the executors any more.
    """

    def __init__(self, spark: SparkSession, *, on_close: Callable[[], None]) -> None:
        self._spark = spark
        self._on_close = on_close
        self._closed = threading.Event()
        self._asking = threading.Lock()
        _asking_at_exit.add(self)

    def find(self, known: Any | None = None, timeout: float = 0.0) -> KnownExecutors:
        """Return the executors when they differ from the known ones, at most after ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                with self._asking, briefly_retried():
                    hosts = _ask(self._spark)["hosts"]
            except Exception as error:  # the errors of gRPC, and of a closed channel, have no common type
                raise silence_of(self._spark, error) from error
            left = deadline - time.monotonic()
            if hosts != known or left <= 0 or self._closed.wait(min(_POLL_SECONDS, left)):
                return KnownExecutors(hosts, hosts, ended=False)

    def silence_error(self) -> SessionError | None:
        """Return the error that says that the server does not answer, or ``None`` if it does."""
        # In a thread, because a server can accept a call and never answer.
        failures: list[Exception | None] = []
        asking = threading.Thread(target=lambda: failures.append(session_failure(self._spark)), daemon=True)
        asking.start()
        asking.join(_ANSWER_SECONDS)
        failure = failures[0] if failures else TimeoutError(f"no answer within {_ANSWER_SECONDS:.0f} s")
        return None if failure is None else silence_of(self._spark, failure)

    def close(self) -> None:
        """End the use of the session; no error if it has ended."""
        self._closed.set()
        self._on_close()

    def stop_asking(self) -> None:
        """Ask no more, because this process exits. gRPC hangs in the end of Python if a call runs in a thread."""
        self._closed.set()
        self._asking.acquire(timeout=_ANSWER_SECONDS)


_asking_at_exit: weakref.WeakSet[ExecutorsOnServer] = weakref.WeakSet()


def _stop_asking() -> None:
    for executors in list(_asking_at_exit):
        executors.stop_asking()


atexit.register(_stop_asking)


def _check_answers(spark: SparkSession) -> None:
    if session_is_stopped(spark):
        raise SessionError("This Spark Connect session was stopped. Create another one")
    failure = session_failure(spark)
    if failure is not None:
        raise silence_of(spark, failure) from failure


def _load_jar(spark: SparkSession) -> dict[str, Any]:
    """Let the server load raydp's classes in this session. Returns its state."""
    try:
        return _ask(spark)
    except PySparkException as error:
        if error.getCondition() != "DATA_SOURCE_NOT_FOUND":
            raise silence_of(spark, error) from error
    try:
        spark.addArtifacts(os.fspath(complete_jar()))
        return _ask(spark)
    except Exception as error:
        raise SessionError(
            "The Spark Connect server did not load raydp's jar, which this program sent as an artifact of its session. "
            "Does it isolate sessions (spark.sql.artifact.isolation.enabled)? Otherwise start it with the jar: "
            f"spark.jars=... Reason: {error}"
        ) from error


def _ask(spark: SparkSession) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(spark.read.format(_STATE).load().schema.names[0])
    return answer


_KEYS = frozenset(setting.key for setting in registry.SETTINGS)
