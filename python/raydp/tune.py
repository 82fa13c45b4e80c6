"""Hyperparameter search with Ray Tune over raydp's estimators. All trials read the same converted rows."""

from __future__ import annotations

import importlib
import inspect
import logging
import re
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import ray

from raydp._configuration.arguments import check_argument_names, check_whole_number, suggests_arguments
from raydp._estimators.configuration import check_progress, check_seed
from raydp._estimators.data.frames import DatasetFrame, StoredFrame, wrap_frame
from raydp._estimators.estimator import Estimator, find_demand
from raydp._estimators.frameworks import require
from raydp._estimators.search_metric import DIRECTIONS, Mode, SearchMetric, resolve_search_metric
from raydp._estimators.search_turns import TrialTurns, open_turns
from raydp._estimators.training.mlflow_run import Surroundings, find_surroundings, nest_runs
from raydp._machine.console import tell
from raydp._machine.descriptions import describe_html
from raydp._machine.interrupts import handlers_restored
from raydp._ray.cluster import node_resources
from raydp._ray.dataset_logs import quiet_datasets
from raydp._ray.failures import find_raydp_error
from raydp.errors import ClusterError, InvalidArgumentError, RaydpError, TrainingError, UnknownArgumentError

require("ray.tune", extra="xgboost")

from ray import tune  # noqa: E402
from ray.exceptions import RayTaskError  # noqa: E402
from ray.tune import Checkpoint, TuneError  # noqa: E402
from ray.tune.search import BasicVariantGenerator  # noqa: E402

from raydp._estimators.search_console import TrialEvents, quiet_tune  # noqa: E402  (imports Ray Tune)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

__all__ = ["TuneResult", "fit"]

_Result = TypeVar("_Result")

_logger = logging.getLogger(__name__)

_SHOWN_TRIALS = 20
_LONGEST_RUN_NAME = 100
_COLUMNS_OF_TUNE = (
    *("training_iteration", "time_total_s", "time_this_iter_s", "timestamp", "timesteps_total", "episodes_total"),
    *("date", "pid", "hostname", "node_ip", "config", "done", "trial_id", "should_checkpoint", "checkpoint_dir_name"),
    *("time_since_restore", "timesteps_since_restore", "iterations_since_restore"),
)
"""What Ray Tune adds to the metrics of each trial."""
_NODE = re.compile(r"node:(?!__).+")  # the resource that stands for one node
_SHARE_OF_NODE = 0.001
_CLASS_FILE = "class"  # in the folder of a saved estimator; names the class that can load it


@dataclass(frozen=True, repr=False)
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

    def __repr__(self) -> str:
        metrics = ", ".join(f"{name}={value:.5g}" for name, value in self.best_metrics.items())
        return f"TuneResult({len(self.trials)} trials, best_config={self.best_config!r}: {metrics})"

    def _repr_html_(self) -> str:
        best = {name: f"{value:.5g}" for name, value in self.best_metrics.items()}
        columns = [name for name in self.trials.columns if name in self.best_metrics or name.startswith("config/")]
        table = self.trials[columns].to_html(max_rows=_SHOWN_TRIALS)
        return describe_html("TuneResult", {"trials": len(self.trials), **self.best_config, **best}, table)


@suggests_arguments()
def fit(
    make: Callable[..., Estimator],
    search_space: Mapping[str, Any],
    train_ds: Any,
    evaluate_ds: Any,
    *,
    metric: str | Callable[..., Any] | Mapping[str, str | Callable[..., Any]],
    mode: Mode | None = None,
    num_samples: int = 1,
    max_concurrent_trials: int = 1,
    search_alg: Any = None,
    storage_path: str | None = None,
    seed: int | None = None,
    progress: bool | None = None,
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
        metric: What to compare trials by: a metric of the estimator's ``evaluate``, such as ``"rmse"`` or ``"auc"``,
            the name of one of scikit-learn's scorers, such as ``"f1"``, a scorer (``make_scorer(...)``), or a function
            of (labels, predictions). A mapping gives it another name: ``{"p90": make_scorer(...)}``.
        mode: ``"min"`` to look for the smallest metric, ``"max"`` for the largest. By default what is better: the
            largest ``r2``, ``accuracy``, ``auc`` and value of a scorer, the smallest of the other metrics. A function
            needs it.
        num_samples: Number of samples of the search space, each with the whole grid; 1 by default.
        max_concurrent_trials: Greatest number of trials at the same time; 1 by default. If the cluster has no capacity
            for the workers of so many, the others wait.
        search_alg: A search algorithm of Ray Tune; random and grid search by default.
        storage_path: Folder for the files of the trials, which every node can reach. It is kept, and a line at the end
            names it. By default a temporary folder on this machine, which works on a cluster of one node. It is kept
            if the search fails.
        seed: Seed of the random samples, and of each estimator that ``make`` gives none, from 0 to 2147483647. A search
            with the same seed has the same trials. A ``search_alg`` has a seed of its own. ``None`` (the default):
            other samples each time, and the framework's default.
        progress: Whether to draw a progress bar of the trials; ``None`` (the default): in a terminal and in a notebook.

    Returns:
        The estimator of the best trial, and the metrics of all trials.

    Raises:
        InvalidArgumentError: An argument has a wrong value.
        UnknownArgumentError: The search space does not match the arguments of ``make``.
        NotADataFrameError: ``train_ds`` or ``evaluate_ds`` is not a frame.
        TrainingError: No trial succeeded. Its cause is the error of the first trial. If that is one of raydp's
            errors, it is raised instead.
    """
    if not callable(make):
        raise InvalidArgumentError(f"make must be a function that returns an estimator; got: {make!r}")
    compared = resolve_search_metric(metric, mode)
    if compared.name in _COLUMNS_OF_TUNE:
        raise InvalidArgumentError(
            "Ray Tune has a column of this name; pass the metric with another one, such as {'error': metric}. "
            f"Name: {compared.name}"
        )
    for name, value in (("num_samples", num_samples), ("max_concurrent_trials", max_concurrent_trials)):
        check_whole_number(name, value)
    estimator_seed = None if seed is None else check_seed(seed)
    check_progress(progress)
    _check_search_space(make, search_space)
    with quiet_datasets():
        train, evaluate = _store(train_ds), _store(evaluate_ds)

    def run_trial(
        config: dict[str, Any],
        train: StoredFrame,
        evaluate: StoredFrame,
        surroundings: Surroundings,
        turns: TrialTurns,
    ) -> None:
        trial = tune.get_context().get_trial_id()
        with nest_runs(_describe_trial(surroundings, config)) as runs:
            estimator = make(**config)
            if not isinstance(estimator, Estimator):
                raise InvalidArgumentError(f"make must return one of raydp's estimators; it returned: {estimator!r}")
            if estimator.configuration.seed is None:
                estimator.configuration = replace(estimator.configuration, seed=estimator_seed)
            turns.enter(trial, find_demand(estimator))
            _run_when_there_is_room(lambda: estimator.fit(train, evaluate), turns, trial)
        metrics = _run_when_there_is_room(lambda: _evaluate(estimator, evaluate, compared), turns, trial)
        for run in runs:
            run.log_evaluation(metrics)
        with tempfile.TemporaryDirectory(prefix="raydp-trial-") as saved:
            estimator.save(saved)
            (Path(saved) / _CLASS_FILE).write_text(f"{type(estimator).__module__}:{type(estimator).__qualname__}")
            tune.report(metrics, checkpoint=Checkpoint.from_directory(saved))

    folder = storage_path or tempfile.mkdtemp(prefix="raydp-tune-")
    with _removed_unless_failed(folder if storage_path is None else None):
        with handlers_restored(), quiet_tune(), open_turns(max_concurrent_trials) as turns:
            shared = {"train": train, "evaluate": evaluate, "surroundings": find_surroundings(), "turns": turns}
            events = TrialEvents(turns, compared, progress=progress)
            tuner = tune.Tuner(
                tune.with_resources(tune.with_parameters(run_trial, **shared), _nothing_but_a_place()),
                param_space=dict(search_space),
                tune_config=tune.TuneConfig(
                    metric=compared.name,
                    mode=compared.mode,
                    num_samples=num_samples,
                    # The generator below limits itself. Ray Tune would warn that it cannot.
                    max_concurrent_trials=None if search_alg is None else max_concurrent_trials,
                    search_alg=BasicVariantGenerator(max_concurrent=max_concurrent_trials, random_state=estimator_seed)
                    if search_alg is None
                    else search_alg,
                ),
                run_config=tune.RunConfig(storage_path=folder, verbose=0, callbacks=[events]),
            )
            with events.shown():
                found = tuner.fit()
        best = _find_best(found, folder, compared.name)
    if storage_path is not None:
        tell(f"the files of the trials are in {found.experiment_path}")
    return best


def _run_when_there_is_room(action: Callable[[], _Result], turns: TrialTurns, trial: str) -> _Result:
    """Run a part of a trial. If it finds no free resources, wait for another trial of the search, then try again."""
    while True:
        try:
            return action()
        except ClusterError:
            if not turns.await_another(trial):
                raise


def _nothing_but_a_place() -> dict[str, float]:
    """Return the resources of a trial's own process, which waits for its workers: a CPU would be missing there.

    Ray Tune does not accept a trial without resources. Each node has one unit of a resource with its address. As Ray
    Train's controller does for a fit, the process runs on the driver's node.
    """
    here = node_resources()[ray.get_runtime_context().get_node_id()]
    return {next(name for name in here if _NODE.fullmatch(name)): _SHARE_OF_NODE}


@contextmanager
def _removed_unless_failed(folder: str | None) -> Iterator[None]:
    """Remove a temporary folder at the end, unless trials failed: the message then names it."""
    try:
        yield
    except RaydpError:
        raise
    except BaseException:
        _remove(folder)
        raise
    _remove(folder)


def _remove(folder: str | None) -> None:
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def _check_search_space(make: Callable[..., Estimator], search_space: Any) -> None:
    """Check that the function takes the values of the search space.

    Raises:
        InvalidArgumentError: ``search_space`` is not a mapping.
        UnknownArgumentError: The function has no argument of a name, or one that the search space lacks.
    """
    if not isinstance(search_space, Mapping):
        raise InvalidArgumentError(f"search_space must be a mapping of names to values; got: {search_space!r}")
    try:
        parameters = inspect.signature(make).parameters
    except ValueError:
        return  # a builtin
    kinds = [one.kind for one in parameters.values()]
    if inspect.Parameter.VAR_KEYWORD not in kinds:
        check_argument_names(_describe_function(make), search_space, parameters)
    optional = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    missing = [
        name
        for name, one in parameters.items()
        if one.default is one.empty and one.kind not in optional and name not in search_space
    ]
    if missing:
        raise UnknownArgumentError(
            f"{_describe_function(make)} has arguments that the search space lacks; add them to it, or give them a "
            f"default. Missing: {', '.join(missing)}"
        )


def _describe_function(make: Callable[..., Estimator]) -> str:
    name = getattr(make, "__name__", type(make).__name__)
    return "The lambda that makes the estimator" if name == "<lambda>" else f"{name}, which makes the estimator,"


def _describe_trial(surroundings: Surroundings, config: Mapping[str, Any]) -> Surroundings:
    """Return what MLflow knows in a trial, which it shows under the values of the search space."""
    name = ", ".join(f"{name}={value}" for name, value in config.items())
    return replace(surroundings, run_name=name[:_LONGEST_RUN_NAME] or None, parameters=config)


def _describe_error(error: BaseException | None) -> str:
    """Return the type and the message of the error that was raised in a trial."""
    cause = error
    while isinstance(cause, RayTaskError | TuneError) and (cause.__cause__ or getattr(cause, "cause", None)):
        cause = cause.__cause__ or getattr(cause, "cause", None)
    return "no error is known" if cause is None else f"{type(cause).__name__}: {cause}"


def _evaluate(estimator: Estimator, frame: StoredFrame, metric: SearchMetric) -> dict[str, float]:
    metrics = dict(estimator.evaluate(frame, metric.asked))
    if metric.name not in metrics:
        raise InvalidArgumentError(
            "The estimators have no metric of this name; those of a regression and of a classification differ. "
            f"metric: {metric.name}; available: {', '.join(metrics)}"
        )
    return metrics


def _store(frame: Any) -> StoredFrame:
    """Put all columns of a frame into the object store."""
    found = wrap_frame(frame)
    names, derivations = found.column_names(), found.derivations
    if isinstance(found, DatasetFrame):
        # Blocks of a Dataset need not be Arrow tables. This makes them so.
        found = DatasetFrame(found.dataset.map_batches(_identity, batch_format="pyarrow", zero_copy_batch=True))
    return StoredFrame(names, found.store(names), derivations)


def _identity(table: Any) -> Any:
    return table


def _find_best(found: tune.ResultGrid, folder: str, metric: str) -> TuneResult:
    first = found.errors[0] if found.errors else None
    if found.num_errors == len(found):
        cause = find_raydp_error(first)
        if cause is not None:
            cause.add_note(f"All {len(found)} trials failed. Their files are in {folder}")
            raise cause from None  # Ray's traceback is in the folder
        raise TrainingError(
            "No trial succeeded. The error of the first one is below; each trial has a folder with its files. "
            f"Trials: {len(found)}; folder: {folder}\n{_describe_error(first)}"
        ) from first
    if found.num_errors:
        _logger.warning(
            "%d of %d trials failed, and the others were compared without them. The first failed with %s",
            found.num_errors,
            len(found),
            _describe_error(first),
        )
    try:
        best = found.get_best_result()
    except RuntimeError as error:
        raise TrainingError(
            "The metric of every trial is NaN or infinite, so no trial is the best. Check the metric with the rows to "
            f"evaluate with: it may have no value for them. Metric: {metric}, trials: {len(found)}; folder: {folder}"
        ) from error
    if best.checkpoint is None or best.metrics is None:
        raise TrainingError(f"The best trial saved no model. Trial: {best.path}")
    with best.checkpoint.as_directory() as folder:
        module, name = (Path(folder) / _CLASS_FILE).read_text().split(":")
        estimator = getattr(importlib.import_module(module), name).load(folder)
    metrics: dict[str, float] = {name: best.metrics[name] for name in (*DIRECTIONS, metric) if name in best.metrics}
    return TuneResult(estimator, dict(best.config or {}), metrics, found.get_dataframe())
