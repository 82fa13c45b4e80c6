"""Hyperparameter search with Ray Tune over raydp's estimators. All trials read the same converted rows."""

from __future__ import annotations

import importlib
import inspect
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from raydp._configuration.arguments import check_argument_names, check_whole_number, suggests_arguments
from raydp._configuration.suggestions import did_you_mean
from raydp._estimators.data.frames import DatasetFrame, StoredFrame, wrap_frame
from raydp._estimators.estimator import Estimator
from raydp._estimators.frameworks import require
from raydp._machine.interrupts import handlers_restored
from raydp._ray.dataset_logs import quiet_datasets
from raydp._ray.failures import find_raydp_error
from raydp.errors import InvalidArgumentError, TrainingError

require("ray.tune", extra="xgboost")

from ray import tune  # noqa: E402
from ray.tune import Checkpoint  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

__all__ = ["TuneResult", "fit"]

_METRICS: dict[str, Literal["min", "max"]] = {
    "rmse": "min",
    "mae": "min",
    "r2": "max",
    "accuracy": "max",
    "logloss": "min",
    "auc": "max",
}
"""The metrics of ``Estimator.evaluate``, and which values of them are better."""

_CLASS_FILE = "class"  # in the folder of a saved estimator; names the class that can load it


@dataclass(frozen=True)
class TuneResult:
    """The result of a search.

    Attributes:
        best_estimator: The fitted estimator of the best trial.
        best_config: The values that the search space chose for it.
        best_metrics: Its metrics.
        trials: A pandas DataFrame with a row per trial: its values (``config/…``), metrics and times.
    """

    best_estimator: Any
    best_config: dict[str, Any]
    best_metrics: dict[str, float]
    trials: pd.DataFrame


@suggests_arguments
def fit(
    make: Callable[..., Estimator],
    search_space: Mapping[str, Any],
    train_ds: Any,
    evaluate_ds: Any,
    *,
    metric: str,
    mode: Literal["min", "max"] | None = None,
    num_samples: int = 1,
    max_concurrent_trials: int = 1,
    search_alg: Any = None,
    storage_path: str | None = None,
) -> TuneResult:
    """Search for the best arguments of an estimator.

    The frames are converted once, and all trials read the same blocks in Ray's object store. Each trial creates an
    estimator, fits it on its own Ray workers, and evaluates it.

    Args:
        make: A function that returns the estimator to train, such as
            ``lambda depth: XGBoostEstimator({"max_depth": depth}, "label")``. Its arguments are the values of the
            search space, by name.
        search_space: A search space of Ray Tune: constants, ``tune.choice([...])``, ``tune.grid_search([...])`` and
            so on.
        train_ds: The frame to learn from: a Spark DataFrame, Ray Dataset or pandas DataFrame.
        evaluate_ds: The frame to evaluate with. ``fit`` gets it too, for early stopping.
        metric: A metric of the estimator's ``evaluate``, such as ``"rmse"`` or ``"auc"``.
        mode: ``"min"`` to look for the smallest metric, ``"max"`` for the largest. By default what is better: the
            largest ``r2``, ``accuracy`` and ``auc``, the smallest of the other metrics.
        num_samples: Number of samples of the search space, each with the whole grid; 1 by default.
        max_concurrent_trials: Number of trials at the same time; 1 by default. The cluster needs capacity for the
            workers of all of them.
        search_alg: A search algorithm of Ray Tune; random and grid search by default.
        storage_path: Folder for the files of the trials, which every node can reach. It is kept. By default a
            temporary folder on this machine, which works on a cluster of one node.

    Returns:
        The estimator of the best trial, and the metrics of all trials.

    Raises:
        InvalidArgumentError: An argument has a wrong value.
        TypeError: The search space does not match the arguments of ``make``.
        NotADataFrameError: ``train_ds`` or ``evaluate_ds`` is not a frame.
        TrainingError: No trial succeeded. Its cause is the error of the first trial. If that is one of raydp's
            errors, it is raised instead.
    """
    if not callable(make):
        raise InvalidArgumentError(f"make must be a function that returns an estimator; got: {make!r}")
    if metric not in _METRICS:
        raise InvalidArgumentError(
            f"metric must be one of {', '.join(_METRICS)}. {did_you_mean(metric, _METRICS)}Got: {metric!r}"
        )
    if mode not in ("min", "max", None):
        raise InvalidArgumentError(f"mode must be 'min' or 'max'; got: {mode!r}")
    for name, value in (("num_samples", num_samples), ("max_concurrent_trials", max_concurrent_trials)):
        check_whole_number(name, value)
    _check_search_space(make, search_space)
    with quiet_datasets():
        train, evaluate = _store(train_ds), _store(evaluate_ds)

    def run_trial(config: dict[str, Any], train: StoredFrame, evaluate: StoredFrame) -> None:
        estimator = make(**config)
        if not isinstance(estimator, Estimator):
            raise InvalidArgumentError(f"make must return one of raydp's estimators; it returned: {estimator!r}")
        estimator.fit(train, evaluate)
        with tempfile.TemporaryDirectory(prefix="raydp-trial-") as saved:
            estimator.save(saved)
            (Path(saved) / _CLASS_FILE).write_text(f"{type(estimator).__module__}:{type(estimator).__qualname__}")
            tune.report(_evaluate(estimator, evaluate, metric), checkpoint=Checkpoint.from_directory(saved))

    folder = storage_path or tempfile.mkdtemp(prefix="raydp-tune-")
    try:
        with handlers_restored():
            found = tune.Tuner(
                # The trial's own process needs next to nothing, because it waits for its workers.
                tune.with_resources(tune.with_parameters(run_trial, train=train, evaluate=evaluate), {"CPU": 0.001}),
                param_space=dict(search_space),
                tune_config=tune.TuneConfig(
                    metric=metric,
                    mode=mode or _METRICS[metric],
                    num_samples=num_samples,
                    max_concurrent_trials=max_concurrent_trials,
                    search_alg=search_alg,
                ),
                run_config=tune.RunConfig(storage_path=folder, verbose=0),
            ).fit()
        return _find_best(found)
    finally:
        if storage_path is None:
            shutil.rmtree(folder, ignore_errors=True)


def _check_search_space(make: Callable[..., Estimator], search_space: Any) -> None:
    """Check that the function takes the values of the search space.

    Raises:
        InvalidArgumentError: ``search_space`` is not a mapping.
        TypeError: The function has no argument of a name, or one that the search space lacks.
    """
    if not isinstance(search_space, Mapping):
        raise InvalidArgumentError(f"search_space must be a mapping of names to values; got: {search_space!r}")
    try:
        parameters = inspect.signature(make).parameters
    except ValueError:
        return  # a builtin
    kinds = [one.kind for one in parameters.values()]
    if inspect.Parameter.VAR_KEYWORD not in kinds:
        check_argument_names("make", search_space, parameters)
    optional = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    missing = [
        name
        for name, one in parameters.items()
        if one.default is one.empty and one.kind not in optional and name not in search_space
    ]
    if missing:
        raise TypeError(
            "make has arguments that the search space lacks; add them to it, or give them a default. "
            f"Missing: {', '.join(missing)}"
        )


def _evaluate(estimator: Estimator, frame: StoredFrame, metric: str) -> dict[str, float]:
    metrics = estimator.evaluate(frame)
    if metric not in metrics:
        raise InvalidArgumentError(
            "The estimators have no metric of this name; those of a regression and of a classification differ. "
            f"metric: {metric}; available: {', '.join(metrics)}"
        )
    return metrics


def _store(frame: Any) -> StoredFrame:
    """Put all columns of a frame into the object store."""
    found = wrap_frame(frame)
    names = found.column_names()
    if isinstance(found, DatasetFrame):
        # Blocks of a Dataset need not be Arrow tables. This makes them so.
        found = DatasetFrame(found.dataset.map_batches(_identity, batch_format="pyarrow", zero_copy_batch=True))
    return StoredFrame(names, found.store(names))


def _identity(table: Any) -> Any:
    return table


def _find_best(found: tune.ResultGrid) -> TuneResult:
    if found.num_errors == len(found):
        first = found.errors[0] if found.errors else None
        cause = find_raydp_error(first)
        if cause is not None:
            raise cause from first
        raise TrainingError(
            f"No trial succeeded; the cause is the error of the first one. Trials: {len(found)}"
        ) from first
    best = found.get_best_result()
    if best.checkpoint is None or best.metrics is None:
        raise TrainingError(f"The best trial saved no model. Trial: {best.path}")
    with best.checkpoint.as_directory() as folder:
        module, name = (Path(folder) / _CLASS_FILE).read_text().split(":")
        estimator = getattr(importlib.import_module(module), name).load(folder)
    metrics: dict[str, float] = {name: best.metrics[name] for name in _METRICS if name in best.metrics}
    return TuneResult(estimator, dict(best.config or {}), metrics, found.get_dataframe())
