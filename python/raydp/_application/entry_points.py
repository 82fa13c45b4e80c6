"""The entry points of the application in the driver JVM, as typed Python methods. All calls over Py4J are here."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

from raydp._application.status import ApplicationStatus
from raydp._spark.java_errors import translated_errors
from raydp.errors import SessionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from py4j.java_gateway import JVMView

__all__ = ["ENTRY_CLASS", "EntryPoints"]

ENTRY_CLASS = "io.raydp.lifecycle.RayApplication"
"""A class that only a JVM with raydp's jar has."""


_answers = functools.partial(translated_errors, lambda _: None, no_answer=SessionError)


class EntryPoints:
    """Static methods of ``io.raydp.lifecycle.RayApplication`` and what belongs to them; safe for any thread.

    Every method raises ``SessionError`` when the JVM does not answer, except those that start an application.

    Args:
        jvm: The driver JVM.
    """

    def __init__(self, jvm: JVMView) -> None:
        self._jvm = jvm

    @property
    def _application(self) -> Any:
        return self._jvm.io.raydp.lifecycle.RayApplication

    def set_system_properties(self, properties: Mapping[str, str]) -> None:
        """Set Java system properties."""
        for name, value in properties.items():
            self._jvm.java.lang.System.setProperty(name, value)

    def system_property(self, name: str) -> str | None:
        """Return a Java system property."""
        value: str | None = self._jvm.java.lang.System.getProperty(name)
        return value

    def prestart(self, settings: Mapping[str, str]) -> None:
        """Start the application in the background, before its ``SparkContext`` exists.

        Args:
            settings: Those that the ``SparkContext`` will get.
        """
        self._application.prestart(dict(settings))

    def status(self) -> ApplicationStatus:
        """Return the status of the application, or of the last one if it has ended."""
        with _answers():
            return ApplicationStatus.parse(self._application.statusJson())

    def await_change(self, sequence: int, timeout_seconds: float) -> ApplicationStatus:
        """Return the status once its sequence number is no longer ``sequence``, or after the timeout."""
        with _answers():
            return ApplicationStatus.parse(self._application.awaitChange(sequence, int(1000 * timeout_seconds)))

    def await_waiting(self, known: str, timeout_seconds: float) -> str:
        """Return the executors that wait for resources, once they are not ``known``, or after the timeout.

        Returns:
            A text for :meth:`WaitingExecutors.parse` and for the next call; empty if none waits.
        """
        with _answers():
            text: str = self._application.awaitWaiting(known, int(1000 * timeout_seconds))
        return text

    def growth_seen(self, patience_seconds: float, said: str) -> None:
        """Tell the JVM what the autoscaler does for executors that no node could hold.

        Args:
            patience_seconds: How long to wait for the nodes that it adds; 0 if it adds none.
            said: What it does, for users.
        """
        with _answers():
            self._application.growthSeen(int(1000 * patience_seconds), said)

    def resize(self, count: int) -> None:
        """Set the number of executors. Returns at once; the status shows the progress."""
        with _answers():
            self._application.resize(count)

    def executor_demand(self, settings: Mapping[str, str]) -> dict[str, float]:
        """Return what one executor demands of Ray: amounts by the names of Ray's resources."""
        demand: dict[str, float] = json.loads(self._application.executorDemandJson(dict(settings)))
        return demand

    def take_metrics(self) -> dict[str, dict[str, float]]:
        """Return the metrics that were reported since the last call: for each process, values by name."""
        with _answers():
            metrics: dict[str, dict[str, float]] = json.loads(self._application.takeMetricsJson())
        return metrics

    def ui_address(self) -> str | None:
        """Return the URL of Spark's UI, or ``None`` if the UI is off."""
        with _answers():
            url = self._jvm.org.apache.spark.SparkContext.getOrCreate().uiWebUrl()
            return str(url.get()) if url.isDefined() else None

    def ui_token(self) -> str:
        """Return the token that opens Spark's UI."""
        with _answers():
            return str(self._jvm.io.raydp.security.UiToken.value())
