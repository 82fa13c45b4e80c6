"""The MLflow run of a fit, as its first worker sees it. The worker joins the run, and logs the metrics of each step."""

from __future__ import annotations

import logging
import os
import re
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import ray

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "MLflowReports",
    "RunAddress",
    "bounded_requests",
    "describe_failure",
    "join_run",
    "log_metrics",
    "name_metric",
]

_logger = logging.getLogger(__name__)

_FLUSH_SECONDS = 1.0  # between requests: a round can take less than one
_MOST_METRICS = 1000  # in a request: MLflow's limit
_BOUNDS = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20"}
"""With MLflow's own defaults, a server that is away would hold up a fit for minutes. The user's values are kept."""
_ON_THIS_MACHINE = ("file", "sqlite")


@dataclass(frozen=True)
class RunAddress:
    """Where the run of a fit is.

    Attributes:
        tracking_uri: Where MLflow keeps it.
        experiment_id: The run's experiment.
        run_id: The run.
        node_id: The driver's Ray node.
        environment: MLflow's variables in the driver. They may have secrets.
    """

    tracking_uri: str
    experiment_id: str
    run_id: str
    node_id: str
    environment: Mapping[str, str] = field(repr=False)

    def is_reachable(self) -> bool:
        """Return whether this process can log to the run: it may be in a folder of the driver's machine."""
        is_local = urlsplit(self.tracking_uri).scheme in _ON_THIS_MACHINE
        return not is_local or ray.get_runtime_context().get_node_id() == self.node_id


class MLflowReports:
    """Logs the metrics of steps. If that fails, it stops: the driver logs the missing ones after the training.

    Args:
        client: MLflow's client.
        run_id: The run.
        checkpoint_every: Steps between checkpoints. What comes before one is logged first, because a worker that
            resumes from it does not have these metrics.
    """

    def __init__(self, client: Any, run_id: str, checkpoint_every: int) -> None:
        self._client = client
        self._run_id = run_id
        self._checkpoint_every = checkpoint_every
        self._waiting: dict[int, Mapping[str, float]] = {}
        self._last_logged: int | None = None
        self._flushed_at = time.monotonic()

    def put(self, step: int, metrics: Mapping[str, float]) -> None:
        """Log the metrics of a step, within a second if other steps follow."""
        self._waiting[step] = dict(metrics)
        if step % self._checkpoint_every == 0 or time.monotonic() - self._flushed_at >= _FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Log what is waiting."""
        waiting, self._waiting = self._waiting, {}
        if self._client is None or not any(waiting.values()):
            return
        try:
            if self._last_logged is None:
                self._last_logged = self._find_last_logged(waiting)
            log_metrics(self._client, self._run_id, waiting, after=self._last_logged)
        except Exception as error:  # whatever happens to MLflow, training goes on
            self._client = None
            _logger.warning(
                "Logging to MLflow failed. Training goes on, and logs the missing metrics when it ends. Run: %s; %s",
                self._run_id,
                describe_failure(error),
            )
        self._flushed_at = time.monotonic()

    def _find_last_logged(self, waiting: Mapping[int, Mapping[str, float]]) -> int:
        """Return the last step that a worker logged before it died, after which this one repeats some; 0: none."""
        name = next(name for metrics in waiting.values() for name in metrics)
        logged = self._client.get_metric_history(self._run_id, name_metric(name))
        return max((metric.step for metric in logged), default=0)


@contextmanager
def join_run(address: RunAddress | None, checkpoint_every: int) -> Iterator[MLflowReports | None]:
    """Make the driver's run the active one of this worker. Callbacks can log to it too.

    Args:
        address: The run; ``None``: there is none.
        checkpoint_every: Steps between checkpoints.

    Yields:
        What logs the steps; ``None``: this worker logs none.
    """
    if address is None or ray.train.get_context().get_world_rank() != 0 or not address.is_reachable():
        yield None
        return
    os.environ.update(address.environment)
    with bounded_requests():
        try:
            mlflow = _set_up(address)
        except Exception as error:
            _logger.warning(
                "The first worker cannot log to MLflow. The metrics are logged when the training ends. Run: %s; %s",
                address.run_id,
                describe_failure(error),
            )
            yield None
            return
        reports = MLflowReports(mlflow.MlflowClient(), address.run_id, checkpoint_every)
        try:
            yield reports
        finally:
            reports.flush()
            with suppress(Exception):
                mlflow.end_run("RUNNING")  # the driver ends it, or the program that opened it


def _set_up(address: RunAddress) -> Any:
    from ray.air.integrations.mlflow import setup_mlflow

    # Ray's function starts a run, and MLflow resumes the one that this variable names.
    os.environ["MLFLOW_RUN_ID"] = address.run_id
    return setup_mlflow(tracking_uri=address.tracking_uri, experiment_id=address.experiment_id)


@contextmanager
def bounded_requests() -> Iterator[None]:
    """Have MLflow's requests fail within a minute inside the context."""
    added = [name for name in _BOUNDS if name not in os.environ]
    os.environ.update({name: _BOUNDS[name] for name in added})
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def log_metrics(client: Any, run_id: str, steps: Mapping[int, Mapping[str, float]], *, after: int = 0) -> None:
    """Log the metrics of steps to a run.

    Args:
        client: MLflow's client.
        run_id: The run.
        steps: The metrics of each step.
        after: Only steps after this one.
    """
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    logged = [
        Metric(name_metric(name), float(value), now, step)
        for step, metrics in steps.items()
        if step > after
        for name, value in metrics.items()
    ]
    for start in range(0, len(logged), _MOST_METRICS):
        client.log_batch(run_id, metrics=logged[start : start + _MOST_METRICS])


def name_metric(name: str) -> str:
    """Return the name that a metric or parameter has in MLflow, which refuses some characters."""
    known = re.sub(r"[^\w.\- :/]", "_", name.replace("@", "_at_"))  # MLflow's own name of ndcg@5 for XGBoost
    is_path = known.startswith(("/", ".")) or "//" in known or known.endswith("/") or "/." in known
    return known.replace("/", "_").lstrip(".") if is_path else known


def describe_failure(error: BaseException) -> str:
    """Return the type of an error and the first line of its message."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}"
