"""Spark's metrics as metrics of Ray.

The metric sinks of the application's processes report to the driver JVM, and this process records their values in
Ray. The processes cannot do that themselves: Ray 2.60 does not tell its Java workers where the node's metrics agent
is, so the values that they record are lost.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import ray
from py4j.protocol import Py4JError

from raydp._configuration import registry, setting
from raydp.errors import InvalidArgumentError, SessionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ray.util.metrics import Gauge

    from raydp._application.entry_points import EntryPoints

__all__ = ["MetricsExport", "metrics_settings"]

_SINK = "spark.metrics.conf.*.sink.ray.class"
_SINK_CLASS = "org.apache.spark.raydp.RayMetricsSink"
_PERIOD = "spark.metrics.conf.*.sink.ray.period"
_COUNTS = "spark.metrics.conf.driver.source.raydp.class"
_COUNTS_CLASS = "org.apache.spark.raydp.ExecutorCounts"
# Ray exports every 10 s, and drops a value that was not recorded again for 20 s.
_PERIOD_SECONDS = "5"
_CLOSE_SECONDS = 5.0


def metrics_settings(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that make Spark report its metrics; empty if Ray would not export them.

    Raises:
        InvalidArgumentError: The period of the sink is malformed.
    """
    if not registry.METRICS.get(settings) or not _is_exported():
        return {}
    period = settings.get(_PERIOD, _PERIOD_SECONDS)
    if setting.positive_integer(period) is None:
        raise InvalidArgumentError(f"This setting must be a whole number of seconds above 0. {_PERIOD}: {period!r}")
    return {_SINK: _SINK_CLASS, _PERIOD: period, _COUNTS: _COUNTS_CLASS}


def _is_exported() -> bool:
    """Tell whether this node has the agent that exports the metrics of Ray's processes."""
    here = ray.get_runtime_context().get_node_id()
    return any(node["NodeID"] == here and node.get("MetricsAgentPort", -1) > 0 for node in ray.nodes())


class MetricsExport:
    """Records one application's metrics in Ray, in a thread of its own.

    Ray drops values that are no longer recorded: those of a lost executor, and all of them once the application has
    stopped.

    Args:
        entry_points: The application in the driver JVM.
        settings: The application's complete settings, including those of :func:`metrics_settings`.
    """

    def __init__(self, entry_points: EntryPoints, settings: Mapping[str, str]) -> None:
        self._entry_points = entry_points
        self._application_id = settings[registry.APPLICATION_ID.key]
        self._is_enabled = settings.get(_SINK) == _SINK_CLASS
        self._period = float(settings.get(_PERIOD, _PERIOD_SECONDS)) if self._is_enabled else 0.0
        self._gauges: dict[str, Gauge] = {}
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start, if metrics are exported and the application has not ended."""
        if self._is_enabled and not self._ended.is_set():
            self._thread = threading.Thread(target=self._run, name="raydp-metrics", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End; may be called more than once."""
        self._ended.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(_CLOSE_SECONDS)

    def _run(self) -> None:
        while not self._ended.wait(self._period):
            try:
                metrics = self._entry_points.take_metrics()
            except (SessionError, Py4JError):
                return  # the JVM is gone, and the application with it
            for executor, values in metrics.items():
                for name, value in values.items():
                    if self._ended.is_set() or not ray.is_initialized():
                        return
                    self._gauge(name).set(value, {"application": self._application_id, "executor": executor})

    def _gauge(self, name: str) -> Gauge:
        gauge = self._gauges.get(name)
        if gauge is None:
            from ray.util.metrics import Gauge

            gauge = Gauge(name, "A metric of Apache Spark", tag_keys=("application", "executor"))
            self._gauges[name] = gauge
        return gauge
