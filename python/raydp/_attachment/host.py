"""An attached application's executors, for the exchange."""

from __future__ import annotations

import contextlib
import functools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import ray

from raydp._attachment.machines import match_hosts
from raydp._spark import internals as _spark_internals
from raydp._spark.java_errors import translated_errors
from raydp.errors import ExchangeError, SessionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from py4j.java_gateway import JVMView
    from pyspark.sql import SparkSession

__all__ = ["AttachedHost", "Executors", "ExecutorsInJvm", "KnownExecutors"]

_UNKNOWN = -1


@dataclass(frozen=True)
class KnownExecutors:
    """What the Spark driver knows of the executors.

    Attributes:
        mark: Identifies this state, for the next wait for a change.
        hosts: The hosts that have executors.
        ended: Whether the application has ended.
    """

    mark: Any
    hosts: list[str]
    ended: bool


class Executors(Protocol):
    """Asks the Spark driver for the executors of an application that raydp did not start."""

    def find(self, known: Any | None = None, timeout: float = 0.0) -> KnownExecutors:
        """Return the executors when they differ from the state with the mark ``known``, at most after ``timeout``.

        Raises:
            SessionError: The driver does not answer.
        """

    def silence_error(self) -> SessionError | None:
        """Return the error that says why the driver does not answer, or ``None`` if it does."""

    def close(self) -> None:
        """Stop following the executors; no error if the application has ended."""


class ExecutorsInJvm:
    """The executors that a driver JVM in this program knows; implements the protocol ``Executors``.

    Args:
        jvm: The driver JVM, with raydp's jar.
        spark: A session of the application.
    """

    def __init__(self, jvm: JVMView, spark: SparkSession) -> None:
        self._application: str = spark.sparkContext.applicationId
        with _errors():
            self._java: Any = jvm.io.raydp.exchange.ExecutorHosts.follow(_spark_internals.java_session(spark))

    def find(self, known: Any | None = None, timeout: float = 0.0) -> KnownExecutors:
        """Return the executors when they differ from the known ones, at most after ``timeout`` seconds."""
        with _errors():
            state = json.loads(self._java.awaitChange(_UNKNOWN if known is None else known, int(1000 * timeout)))
        return KnownExecutors(state["sequence"], state["hosts"], state["ended"])

    def silence_error(self) -> SessionError | None:
        """Return the error that says why the driver JVM does not answer, or ``None`` if it does."""
        try:
            self.find()
        except SessionError:
            return SessionError(
                "Spark's driver JVM does not answer; it was probably killed. Start this program again: PySpark cannot "
                f"start another JVM in it. Application: {self._application}"
            )
        return None

    def close(self) -> None:
        """Stop following the executors; no error if the application has ended."""
        with contextlib.suppress(SessionError), _errors():  # the listener ends with its JVM
            self._java.close()


class AttachedHost:
    """The machines of an attached application's executors; implements the protocol ``ExchangeHost``.

    Args:
        executors: Tells where the executors are.
        relays: Whether executors without an agent may use another machine's over TCP. This process' machine has one
            then, because its driver JVM serves them at least.

    Attributes:
        on_end: Called in the thread that awaits changes, when the application has ended without this process; with the
            error of the driver that does not answer, or ``None`` if it says so itself.
    """

    def __init__(self, executors: Executors, *, relays: bool = False) -> None:
        self.on_end: Callable[[SessionError | None], None] = _do_nothing
        self._executors = executors
        self._relays = relays
        self._mark: Any | None = None

    def executor_nodes(self) -> list[str]:
        """Return the ids (hex) of the Ray nodes on the machines of the executors, and of those that serve others.

        Raises:
            ExchangeError: A machine that has executors has no Ray node, and they must not use that of another machine.
            SessionError: The driver does not answer.
        """
        found = match_hosts(self._executors.find().hosts)
        missing = _without_node(found)
        if missing and not self._relays:
            raise ExchangeError(
                "Spark has executors on machines where no Ray node runs, so they share no memory with Ray. Start a Ray "
                "node there (ray start --address=...), or keep Spark's executors on Ray's machines. "
                f"Machines, as Spark calls them: {', '.join(missing)}"
            )
        serving = {ray.get_runtime_context().get_node_id()} if self._relays else set()
        return sorted({node for nodes in found.values() for node in nodes} | serving)

    def hosts_without_node(self) -> list[str] | None:
        """Return the hosts of executors that have no Ray node; ``None`` if executors need one.

        Raises:
            SessionError: The driver does not answer.
        """
        return _without_node(match_hosts(self._executors.find().hosts)) if self._relays else None

    def hosts_by_node(self) -> dict[str, list[str]]:
        """Return Spark's names for the machine of each Ray node that has executors, by the node's id."""
        result: dict[str, list[str]] = {}
        for host, nodes in match_hosts(self._executors.find().hosts).items():
            for node in nodes:
                result.setdefault(node, []).append(host)
        return result

    def await_change(self, timeout: float) -> None:
        """Return after a change of the executors since the last call, or after ``timeout`` seconds; for one thread.

        Raises:
            SessionError: The application has ended, or its driver does not answer.
        """
        try:
            state = self._executors.find(self._mark, timeout)
        except SessionError as error:
            self.on_end(error)
            raise
        self._mark = state.mark
        if state.ended:
            self.on_end(None)
            raise SessionError("The attached Spark application has ended")

    def silence_error(self) -> SessionError | None:
        """Return the error that says why the driver does not answer, or ``None`` if it does."""
        return self._executors.silence_error()

    def close(self) -> None:
        """Stop following the executors; no error if the application has ended."""
        self._executors.close()


def _without_node(nodes_by_host: dict[str, list[str]]) -> list[str]:
    return [host for host, nodes in nodes_by_host.items() if not nodes]


def _do_nothing(_: SessionError | None) -> None:
    pass


_errors = functools.partial(translated_errors, lambda _: None, no_answer=SessionError)
