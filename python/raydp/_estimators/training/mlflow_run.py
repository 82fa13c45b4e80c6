"""The MLflow run of a fit, as the driver sees it: opened before any work on the cluster, and ended with the fit."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import ray

from raydp._estimators.frameworks import require
from raydp._estimators.training.mlflow_reports import (
    RunAddress,
    bounded_requests,
    describe_failure,
    log_metrics,
    name_metric,
)
from raydp.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from raydp._estimators.mlflow_options import MLflowOptions

__all__ = ["FitRun", "Surroundings", "find_surroundings", "nest_runs", "open_run"]

_logger = logging.getLogger(__name__)

_LONGEST_VALUE = 500  # characters of a parameter, in all of MLflow's stores
_MOST_PARAMETERS = 100  # in a request: MLflow's limit
_DEFAULT_EXPERIMENT = "0"
_ESTIMATOR = "raydp.estimator"
"""Tag of a run that has a fit."""


@dataclass(frozen=True)
class Surroundings:
    """What MLflow would know in the thread of the program that starts several fits.

    Attributes:
        environment: MLflow's variables. They may have secrets.
        folder: The working folder, to which MLflow's default and other relative addresses refer.
        parent: Id of the active run; ``None``: there is none.
        run_name: Name for the run of a fit.
        parameters: Further parameters to log.
    """

    environment: Mapping[str, str] = field(repr=False)
    folder: str
    parent: str | None
    run_name: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)


_nest: ContextVar[tuple[Surroundings, list[FitRun]] | None] = ContextVar("nest", default=None)


class FitRun:
    """The run of one fit.

    Args:
        client: MLflow's client.
        run: MLflow's run.
        tracking_uri: Where it is.
        is_ours: Whether the fit started it, and ends it.
    """

    def __init__(self, client: Any, run: Any, tracking_uri: str, *, is_ours: bool) -> None:
        self._client = client
        self._tracking_uri = tracking_uri
        self._experiment_id = run.info.experiment_id
        self._is_ours = is_ours
        self._given = dict(run.data.params)
        self.run_id: str = run.info.run_id

    @property
    def address(self) -> RunAddress:
        """Where workers find the run."""
        node_id = ray.get_runtime_context().get_node_id()
        environment = {**_environment(), "MLFLOW_TRACKING_URI": self._tracking_uri}
        return RunAddress(self._tracking_uri, self._experiment_id, self.run_id, node_id, environment)

    def describe(self, parameters: Mapping[str, Any], tags: Mapping[str, Any]) -> None:
        """Log parameters, and set tags. Parameters that the program has logged to the run are kept."""
        from mlflow.entities import Param, RunTag

        texts = {name_metric(name): _to_text(value) for name, value in parameters.items()}
        others = [name for name, text in texts.items() if self._given.get(name, text) != text]
        if others:
            _logger.warning(
                "The MLflow run has other values of these parameters already, and keeps them. Parameters: %s; run: %s",
                ", ".join(others),
                self.run_id,
            )
        logged = [Param(name, text) for name, text in texts.items() if name not in self._given]
        self._client.log_batch(self.run_id, tags=[RunTag(name, _to_text(value)) for name, value in tags.items()])
        for start in range(0, len(logged), _MOST_PARAMETERS):
            self._client.log_batch(self.run_id, params=logged[start : start + _MOST_PARAMETERS])

    def complete(self, history: list[dict[str, float]], rows: int) -> None:
        """Log what the first worker has not logged: it could not reach the run, or resumed from a former fit."""
        with self._explained("The run lacks metrics"), bounded_requests():
            missing: dict[int, dict[str, float]] = {}
            for name in dict.fromkeys(name for metrics in history for name in metrics):
                logged = {one.step for one in self._client.get_metric_history(self.run_id, name_metric(name))}
                for step, metrics in enumerate(history, 1):
                    if name in metrics and step not in logged:
                        missing.setdefault(step, {})[name] = metrics[name]
            log_metrics(self._client, self.run_id, missing)
            self.describe({"rows": rows}, {})

    def log_evaluation(self, metrics: Mapping[str, float]) -> None:
        """Log metrics that do not belong to a step."""
        with self._explained("The run lacks the metrics of the evaluation"), bounded_requests():
            log_metrics(self._client, self.run_id, {0: metrics}, after=-1)

    def end(self, status: str) -> None:
        """End the run, unless the program opened it."""
        if self._is_ours:
            with self._explained("The run has not ended"), bounded_requests():
                self._client.set_terminated(self.run_id, status)

    @contextmanager
    def _explained(self, consequence: str) -> Iterator[None]:
        """Warn of errors of MLflow: they must not take a trained model away, nor hide the error of the fit."""
        try:
            yield
        except Exception as error:
            _logger.warning("MLflow failed. %s. Run: %s; %s", consequence, self.run_id, describe_failure(error))


@contextmanager
def open_run(options: MLflowOptions | None, estimator: str, parameters: Mapping[str, Any]) -> Iterator[FitRun | None]:
    """Yield the run of a fit, and end it: as failed if the body raises an error.

    A run that the program has opened becomes the run of the fit, unless it has a fit already, or the options name
    another one. It becomes the parent then.

    Args:
        options: The argument ``mlflow`` of the estimator; ``None``: there is no run.
        estimator: Name of the estimator's class.
        parameters: What to log as parameters.

    Raises:
        MissingRequirementError: MLflow cannot be imported.
        InvalidArgumentError: MLflow does not accept the run, or its server does not answer.
    """
    if options is None:
        yield None
        return
    require("mlflow", extra="mlflow")
    surroundings, opened = _nest.get() or (None, [])
    further = {} if surroundings is None else surroundings.parameters
    try:
        with bounded_requests():
            run = _start(options, surroundings)
            opened.append(run)
            run.describe({**further, **parameters}, {_ESTIMATOR: estimator, **options.get("tags", {})})
    except Exception as error:
        raise InvalidArgumentError(
            "MLflow does not accept the run, so nothing was trained. Check the options of mlflow, and whether this "
            f"machine reaches its server. Options: {dict(options)}; {describe_failure(error)}"
        ) from error
    status = "FAILED"
    try:
        yield run
        status = "FINISHED"
    except KeyboardInterrupt:
        status = "KILLED"
        raise
    finally:
        run.end(status)


def _start(options: MLflowOptions, surroundings: Surroundings | None) -> FitRun:
    import mlflow
    from mlflow.tracking.context.registry import resolve_tags
    from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

    with _working_folder(surroundings):
        usual = _to_absolute(mlflow.get_tracking_uri())
        uri = _to_absolute(options["tracking_uri"]) if "tracking_uri" in options else usual
    client = mlflow.MlflowClient(tracking_uri=uri)
    experiment = _find_experiment(client, options)
    opened = _find_opened(client, surroundings) if uri == usual else None
    if opened is not None and experiment not in (None, opened.info.experiment_id):
        opened = None  # a run and its parent are in one experiment
    if opened is not None and surroundings is None and "run_name" not in options and _ESTIMATOR not in opened.data.tags:
        return FitRun(client, opened, uri, is_ours=False)
    tags = resolve_tags({} if opened is None else {MLFLOW_PARENT_RUN_ID: opened.info.run_id})
    if opened is not None:
        experiment = opened.info.experiment_id
    elif experiment is None:
        experiment = _find_usual_experiment(client) if uri == usual else _DEFAULT_EXPERIMENT
    name = options.get("run_name") or (None if surroundings is None else surroundings.run_name)
    return FitRun(client, client.create_run(experiment, run_name=name, tags=tags), uri, is_ours=True)


def _find_opened(client: Any, surroundings: Surroundings | None) -> Any:
    """Return the run that the program has opened, as it is now; ``None``: there is none."""
    run_id = _active_run_id() if surroundings is None else surroundings.parent
    return None if run_id is None else client.get_run(run_id)


def _active_run_id() -> str | None:
    if (mlflow := sys.modules.get("mlflow")) is not None and (active := mlflow.active_run()) is not None:
        return str(active.info.run_id)
    return os.environ.get("MLFLOW_RUN_ID")  # that of `mlflow run`


def _find_experiment(client: Any, options: MLflowOptions) -> str | None:
    """Return the id of the experiment that the options name, which is created if it does not exist."""
    if "experiment_id" in options:
        return str(client.get_experiment(options["experiment_id"]).experiment_id)
    return _find_named_experiment(client, options["experiment_name"]) if "experiment_name" in options else None


def _find_usual_experiment(client: Any) -> str:
    """Return the experiment of ``mlflow.set_experiment``, which sets the variable, or of the user's variables."""
    if experiment := os.environ.get("MLFLOW_EXPERIMENT_ID"):
        return experiment
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME")
    return _find_named_experiment(client, name) if name else _DEFAULT_EXPERIMENT


def _find_named_experiment(client: Any, name: str) -> str:
    found = client.get_experiment_by_name(name)
    return str(client.create_experiment(name) if found is None else found.experiment_id)


def find_surroundings() -> Surroundings:
    """Return what MLflow knows in this thread, for fits in other threads or processes."""
    return Surroundings(_environment(), str(Path.cwd()), _active_run_id())


@contextmanager
def nest_runs(surroundings: Surroundings) -> Iterator[list[FitRun]]:
    """Have each fit inside the context log to a run of its own, below the active run of the surroundings.

    Yields:
        The runs, in order, as soon as they are open.
    """
    os.environ.update(surroundings.environment)
    runs: list[FitRun] = []
    token = _nest.set((surroundings, runs))
    try:
        yield runs
    finally:
        _nest.reset(token)


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("MLFLOW_") and name != "MLFLOW_RUN_ID"}


@contextmanager
def _working_folder(surroundings: Surroundings | None) -> Iterator[None]:
    folder = None if surroundings is None else surroundings.folder
    with contextlib.chdir(folder) if folder is not None and Path(folder).is_dir() else contextlib.nullcontext():
        yield


def _to_absolute(uri: str) -> str:
    """Return an address that means the same in the working folder of another process."""
    parts = urlsplit(uri)
    if uri.startswith("sqlite:///") and not parts.path.startswith("//"):
        return f"sqlite:///{Path(parts.path[1:]).absolute()}"
    is_path = parts.scheme == "" and not uri.startswith(("databricks", "uc"))
    if is_path or (parts.scheme == "file" and not parts.netloc):
        return Path(uri if is_path else unquote(parts.path)).absolute().as_uri()
    return uri


def _to_text(value: Any) -> str:
    text = value if isinstance(value, str) else " ".join(repr(value).split())
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"
