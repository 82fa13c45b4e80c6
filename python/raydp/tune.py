"""Hyperparameter search with Ray Tune over raydp's estimators; the rows are converted once for all trials."""

from __future__ import annotations

import importlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from raydp._estimators.configuration import whole_number
from raydp._estimators.data.inputs import RayInput, StoredInput, input_of
from raydp._estimators.estimator import Estimator
from raydp._estimators.frameworks.requirements import require
from raydp._estimators.training.run import raydp_cause
from raydp.errors import InvalidArgumentError, TrainingError

require("ray.tune", extra="xgboost")

from ray import tune  # noqa: E402
from ray.tune import Checkpoint  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd

__all__ = ["TuneResult", "fit"]

_METRICS: tuple[str, ...] = ("rmse", "mae", "r2", "accuracy", "logloss", "auc")
_CLASS = "class"  # file beside a saved estimator that says which class can load it


@dataclass(frozen=True)
class TuneResult:
    """The outcome of a search.

    Attributes:
        best_estimator: The fitted estimator of the best trial.
        best_config: What the search space gave to it.
        best_metrics: Its metrics.
        trials: A row per trial: its configuration (``config/…``), metrics, and times.
    """

    best_estimator: Any
    best_config: dict[str, Any]
    best_metrics: dict[str, float]
    trials: pd.DataFrame


def fit(
    make: Callable[..., Estimator],
    search_space: Mapping[str, Any],
    train_ds: Any,
    evaluate_ds: Any,
    *,
    metric: str,
    mode: Literal["min", "max"] = "min",
    num_samples: int = 1,
    max_concurrent_trials: int = 1,
    search_alg: Any = None,
    storage_path: str | None = None,
) -> TuneResult:
    """Search for the best arguments of an estimator.

    The frames are converted once; all trials read the same blocks in Ray's object store. Each trial makes an
    estimator, fits it on Ray workers of its own, and evaluates it.

    Args:
        make: Called with the values of the search space by name, gives the estimator to train, such as
            ``lambda depth: XGBoostEstimator({"max_depth": depth}, "label")``.
        search_space: Ray Tune's: constants, ``tune.choice([...])``, ``tune.grid_search([...])`` and so on.
        train_ds: Rows to learn from: a Spark DataFrame, Ray Dataset or pandas frame.
        evaluate_ds: Rows to measure with; also given to ``fit``, for early stopping.
        metric: A metric of the estimator's ``evaluate``, such as ``"rmse"`` or ``"auc"``.
        mode: Whether less or more of it is better.
        num_samples: Samples of the search space; a grid is gone through in each.
        max_concurrent_trials: Trials at the same time; the cluster must have room for the workers of all.
        search_alg: One of Ray Tune's search algorithms; random and grid search by default.
        storage_path: Folder for what trials leave, reachable from every node, and kept; by default a temporary one
            of this machine, which serves clusters of one node.

    Returns:
        The best trial's estimator, and all trials.

    Raises:
        InvalidArgumentError: An argument is wrong.
        NotADataFrameError: Something else than a frame was given.
        TrainingError: No trial succeeded; the first one's error is the cause. One of raydp's is raised itself.
    """
    if not callable(make):
        raise InvalidArgumentError(f"make must be a function that gives an estimator; got: {make!r}")
    if metric not in _METRICS:
        raise InvalidArgumentError(f"metric must be one of {', '.join(_METRICS)}; got: {metric!r}")
    if mode not in ("min", "max"):
        raise InvalidArgumentError(f"mode must be 'min' or 'max'; got: {mode!r}")
    for name, value in (("num_samples", num_samples), ("max_concurrent_trials", max_concurrent_trials)):
        whole_number(name, value)
    train, evaluate = _stored(train_ds), _stored(evaluate_ds)

    def trial(config: dict[str, Any], train: StoredInput, evaluate: StoredInput) -> None:
        estimator = make(**config)
        if not isinstance(estimator, Estimator):
            raise InvalidArgumentError(f"make must give one of raydp's estimators; it gave: {estimator!r}")
        estimator.fit(train, evaluate)
        with tempfile.TemporaryDirectory(prefix="raydp-trial-") as saved:
            estimator.save(saved)
            (Path(saved) / _CLASS).write_text(f"{type(estimator).__module__}:{type(estimator).__qualname__}")
            tune.report(_measured(estimator, evaluate, metric), checkpoint=Checkpoint.from_directory(saved))

    folder = storage_path or tempfile.mkdtemp(prefix="raydp-tune-")
    try:
        found = tune.Tuner(
            # Its workers have resources of their own.
            tune.with_resources(tune.with_parameters(trial, train=train, evaluate=evaluate), {"CPU": 0.001}),
            param_space=dict(search_space),
            tune_config=tune.TuneConfig(
                metric=metric,
                mode=mode,
                num_samples=num_samples,
                max_concurrent_trials=max_concurrent_trials,
                search_alg=search_alg,
            ),
            run_config=tune.RunConfig(storage_path=folder, verbose=0),
        ).fit()
        return _best(found)
    finally:
        if storage_path is None:
            shutil.rmtree(folder, ignore_errors=True)


def _measured(estimator: Estimator, frame: StoredInput, metric: str) -> dict[str, float]:
    metrics = estimator.evaluate(frame)
    if metric not in metrics:
        raise InvalidArgumentError(
            "The estimators have no such metric: a regression has others than a classification. "
            f"metric: {metric}; they have: {', '.join(metrics)}"
        )
    return metrics


def _stored(frame: Any) -> StoredInput:
    """Bring a frame into the object store."""
    found = input_of(frame)
    names = found.column_names()
    if isinstance(found, RayInput):
        found = RayInput(found.dataset.map_batches(_same, batch_format="pyarrow", zero_copy_batch=True))
    return StoredInput(names, found.blocks(names))


def _same(table: Any) -> Any:
    return table


def _best(found: tune.ResultGrid) -> TuneResult:
    if found.num_errors == len(found):
        first = found.errors[0] if found.errors else None
        cause = raydp_cause(first)
        if cause is not None:
            raise cause from first
        raise TrainingError(f"No trial succeeded; the first one's error is below. Trials: {len(found)}") from first
    best = found.get_best_result()
    if best.checkpoint is None or best.metrics is None:
        raise TrainingError(f"The best trial left no model: {best.path}")
    with best.checkpoint.as_directory() as folder:
        module, name = (Path(folder) / _CLASS).read_text().split(":")
        estimator = getattr(importlib.import_module(module), name).load(folder)
    metrics: dict[str, float] = {name: best.metrics[name] for name in _METRICS if name in best.metrics}
    return TuneResult(estimator, dict(best.config or {}), metrics, found.get_dataframe())
