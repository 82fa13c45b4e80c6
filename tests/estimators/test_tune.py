"""Hyperparameter search over estimators."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sklearn.linear_model import Ridge

from raydp import tune
from raydp.errors import InvalidArgumentError, InvalidDataError, NotADataFrameError, TrainingError
from raydp.sklearn import SklearnEstimator

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import DataFrame


@pytest.mark.parametrize("metric", [pytest.param("rmse", marks=pytest.mark.nightly), "explained_variance"])
def test_the_best_trial_gives_its_estimator(frame: DataFrame, metric: str) -> None:
    from ray.tune import grid_search

    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGUSR1)]
    columns = frame.select("id", "x", "n", "y")
    found = tune.fit(
        lambda alpha: SklearnEstimator(Ridge(alpha), "y", feature_columns=["x", "n"]),
        {"alpha": grid_search([1e6, 0.1])},
        columns.where("id < 160"),
        columns.where("id >= 160"),
        metric=metric,
    )
    # Ray Tune's handlers would swallow the next Ctrl-C.
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGUSR1)] == handlers
    assert found.best_config == {"alpha": 0.1}
    assert sorted(found.trials["config/alpha"]) == [0.1, 1e6]
    assert found.best_metrics["rmse"] == found.trials["rmse"].min() < found.trials["rmse"].max() / 2
    assert found.best_estimator.get_model().alpha == 0.1
    assert found.best_metrics[metric] in set(found.trials[metric])
    evaluated = found.best_estimator.evaluate(columns.where("id >= 160"))
    assert evaluated == pytest.approx({name: found.best_metrics[name] for name in evaluated})


@pytest.mark.parametrize(
    ("column", "metric", "error", "words"),
    [
        ("x", "auc", InvalidArgumentError, "no metric of this name; .* metric: auc; available: rmse, mae, r2"),
        ("speed", "rmse", InvalidDataError, "Missing: speed"),
    ],
)
def test_errors_of_trials_are_those_of_estimators(
    ray_cluster: Any, rows: pd.DataFrame, column: str, metric: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        tune.fit(
            lambda alpha: SklearnEstimator(Ridge(alpha), "y", feature_columns=[column]),
            {"alpha": 0.1},
            rows,
            rows,
            metric=metric,
        )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"make": 3}, "make must be a function"),
        ({"metric": "loss"}, "metric must be one of rmse.*Did you mean logloss"),
        ({"mode": "less"}, "mode must be 'min' or 'max'"),
        ({"num_samples": 0}, "num_samples must be a whole number"),
        ({"max_concurrent_trials": 1.5}, "max_concurrent_trials must be"),
    ],
)
@pytest.mark.promised("fit", "InvalidArgumentError")
def test_wrong_arguments(changes: dict[str, Any], words: str) -> None:
    arguments = {"make": Ridge, "search_space": {}, "train_ds": None, "evaluate_ds": None, "metric": "rmse", **changes}
    with pytest.raises(InvalidArgumentError, match=words):
        tune.fit(**arguments)


@pytest.mark.promised("fit", "NotADataFrameError")
def test_no_frame() -> None:
    with pytest.raises(NotADataFrameError):
        tune.fit(Ridge, {}, [1], [2], metric="rmse")


def test_a_search_that_fails_shows_the_cause_and_keeps_its_folder(ray_cluster: Any, rows: pd.DataFrame) -> None:
    def make(alpha: float) -> Any:
        raise OSError(f"no license for {alpha}")

    with pytest.raises(TrainingError) as caught:
        tune.fit(make, {"alpha": 0.5}, rows, rows, metric="rmse")
    message, cause = str(caught.value).split("\n", 1)
    assert "Trials: 1; folder: " in message
    assert cause == "OSError: no license for 0.5"
    folder = Path(message.rpartition("folder: ")[2])
    assert any(folder.rglob("error.txt"))
    shutil.rmtree(folder)
