"""An attached application's executors, for the exchange."""

from __future__ import annotations

import contextlib
import functools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from raydp._attachment.machines import match_hosts
from raydp._spark import internals as _spark_internals
from raydp._spark.java_errors import translated_errors
from raydp.errors import ExchangeError, SessionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from py4j.java_gateway import JVMView
    from pyspark.sql import SparkSession

__all__ = ["AttachedHost"]

_UNKNOWN = -1


@dataclass(frozen=True)
class _ExecutorHosts:
    """What the driver JVM knows of the executors."""

    sequence: int
    hosts: list[str]
    ended: bool


class AttachedHost:
    """The machines of an attached application's executors; implements the protocol ``ExchangeHost``.

    Args:
        jvm: The driver JVM, with raydp's jar.
        spark: A session of the application.
        on_end: Called in the thread that awaits changes when the application has ended without this process.
    """

    def __init__(self, jvm: JVMView, spark: SparkSession, *, on_end: Callable[[], None]) -> None:
        self._on_end = on_end
        with _errors():
            self._java: Any = jvm.io.raydp.exchange.ExecutorHosts.follow(_spark_internals.java_session(spark))
        self._sequence = _UNKNOWN

    def executor_nodes(self) -> list[str]:
        """Return the ids (hex) of the Ray nodes on the machines of the executors.

        Raises:
            ExchangeError: There is no Ray node on a machine that has executors.
            SessionError: The JVM does not answer.
        """
        found = match_hosts(self._state().hosts)
        missing = [host for host, nodes in found.items() if not nodes]
        if missing:
            raise ExchangeError(
                "Spark has executors on machines where no Ray node runs, so they share no memory with Ray. Start a Ray "
                "node there (ray start --address=...), or keep Spark's executors on Ray's machines. "
                f"Machines, as Spark calls them: {', '.join(missing)}"
            )
        return sorted({node for nodes in found.values() for node in nodes})

    def hosts_by_node(self) -> dict[str, list[str]]:
        """Return Spark's names for the machine of each Ray node that has executors, by the node's id."""
        result: dict[str, list[str]] = {}
        for host, nodes in match_hosts(self._state().hosts).items():
            for node in nodes:
                result.setdefault(node, []).append(host)
        return result

    def await_change(self, timeout: float) -> None:
        """Return after a change of the executors since the last call, or after ``timeout`` seconds; for one thread.

        Raises:
            SessionError: The application has ended, or its JVM does not answer.
        """
        try:
            state = self._state(self._sequence, timeout)
        except SessionError:
            self._on_end()
            raise
        self._sequence = state.sequence
        if state.ended:
            self._on_end()
            raise SessionError("The attached Spark application has ended")

    def answers(self) -> bool:
        """Tell whether the driver JVM answers."""
        try:
            self._state()
        except SessionError:
            return False
        return True

    def close(self) -> None:
        """Stop following the executors; no error if the application has ended."""
        with contextlib.suppress(SessionError), _errors():  # the listener ends with its JVM
            self._java.close()

    def _state(self, known: int = _UNKNOWN, timeout: float = 0.0) -> _ExecutorHosts:
        with _errors():
            return _ExecutorHosts(**json.loads(self._java.awaitChange(known, int(1000 * timeout))))


_errors = functools.partial(translated_errors, lambda _: None, no_answer=SessionError)
