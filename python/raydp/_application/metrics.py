"""Spark's metrics as metrics of Ray.

The sinks of all of an application's processes tell the driver's JVM what they read, and this process gives it to Ray.
It does so for them because Ray 2.60 does not tell its Java workers where the node's metrics agent is: what they record
with Ray's API for Java goes nowhere.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import ray
from py4j.protocol import Py4JError

from raydp._configuration import registry as _configuration
from raydp._configuration import setting as _settings
from raydp.errors import InvalidArgumentError

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
# Ray exports every 10 s, and drops what it was not told again for 20 s.
_PERIOD_SECONDS = "5"
_CLOSE_SECONDS = 5.0


def metrics_settings(settings: Mapping[str, str]) -> dict[str, str]:
    """Return what to add to an application's settings, so that Spark hands its metrics over; what is set stays.

    Raises:
        InvalidArgumentError: The period of the sink is malformed.
    """
    if not _configuration.METRICS.get(settings) or not _is_exported():
        return {}
    period = settings.get(_PERIOD, _PERIOD_SECONDS)
    if _settings.positive_integer(period) is None:
        raise InvalidArgumentError(f"This setting must be a whole number of seconds above 0. {_PERIOD}: {period!r}")
    added = {_SINK: _SINK_CLASS, _PERIOD: period, _COUNTS: _COUNTS_CLASS}
    return {key: value for key, value in added.items() if key not in settings}


def _is_exported() -> bool:
    """Tell whether this node has the agent to which Ray's processes give their metrics."""
    here = ray.get_runtime_context().get_node_id()
    return any(node["NodeID"] == here and node.get("MetricsAgentPort", -1) > 0 for node in ray.nodes())


class MetricsExport:
    """Gives one application's metrics to Ray, in a thread of its own.

    Values that are not told again disappear from Ray's metrics by themselves: those of a lost executor, and all of them
    when the application has ended.

    Args:
        entry_points: The application in the driver JVM.
        application_id: Id of the application.
        settings: Its settings, those of :func:`metrics_settings` among them.
    """

    def __init__(self, entry_points: EntryPoints, application_id: str, settings: Mapping[str, str]) -> None:
        self._entry_points = entry_points
        self._application_id = application_id
        self._wanted = settings.get(_SINK) == _SINK_CLASS
        self._period = float(settings.get(_PERIOD, _PERIOD_SECONDS)) if self._wanted else 0.0
        self._gauges: dict[str, Gauge] = {}
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, if metrics are wanted and the application has not ended."""
        if self._wanted and not self._ended.is_set():
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
            except (Py4JError, OSError):
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
