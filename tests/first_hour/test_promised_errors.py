"""Errors that docstrings promise, where no other test catches them."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import ray
import ray.data

import raydp
from raydp import tune
from raydp._application.status import ApplicationFailure, ApplicationPhase, ApplicationStatus
from raydp._estimators.evaluation import Evaluation
from raydp._estimators.outcomes import Outcomes
from raydp._estimators.training.result import FitResult
from raydp._session import scaling
from raydp.errors import (
    ClusterError,
    ExecutorStartError,
    InvalidArgumentError,
    MissingRequirementError,
    NotADataFrameError,
    NotFittedError,
    RaydpError,
    TrainingError,
)
from raydp.xgboost import XGBoostEstimator
from support import programs
from support.fits import with_configuration, without_label

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

ROWS = pd.DataFrame({"x": np.arange(20.0), "y": np.arange(20.0)})


def estimator() -> XGBoostEstimator:
    return XGBoostEstimator({}, "y", feature_columns=["x"], num_boost_round=1, start_timeout=0.5)


@pytest.fixture(scope="module")
def fitted(ray_cluster: Any) -> XGBoostEstimator:
    """A regression."""
    made = XGBoostEstimator({}, "y", feature_columns=["x"], num_boost_round=1, start_timeout=60)
    made.fit(ROWS)
    return made


@pytest.mark.promised("Estimator.evaluate", "NotFittedError")
@pytest.mark.promised("Estimator.best_iteration", "NotFittedError")
@pytest.mark.promised("Estimator.categories", "NotFittedError")
@pytest.mark.promised("Estimator.feature_importances_", "NotFittedError")
def test_methods_of_an_estimator_that_was_not_fitted() -> None:
    made = estimator()
    actions = (
        lambda: made.evaluate(ROWS),
        lambda: made.classes,
        lambda: made.best_iteration,
        lambda: made.categories,
        lambda: made.feature_importances_,
    )
    for action in actions:
        with pytest.raises(NotFittedError, match="call fit first"):
            action()


@pytest.mark.promised("Estimator.evaluate", "NotADataFrameError")
@pytest.mark.promised("Estimator.predict", "NotADataFrameError")
def test_things_that_are_no_frames(fitted: XGBoostEstimator) -> None:
    for method in (fitted.evaluate, fitted.predict):
        with pytest.raises(NotADataFrameError, match="got builtins"):
            method([1, 2])


@pytest.mark.promised("Estimator.predict", "InvalidArgumentError")
def test_columns_that_the_frame_has_already(fitted: XGBoostEstimator) -> None:
    with pytest.raises(InvalidArgumentError, match=r"already has a column of this name.*Name: x$"):
        fitted.predict(ROWS, prediction_column="x")
    with pytest.raises(InvalidArgumentError, match="Only a classifier has probabilities"):
        fitted.predict(ROWS, probability_column="p")


@pytest.mark.promised("Estimator.evaluate", "InvalidArgumentError")
def test_an_evaluation_without_a_label(fitted: XGBoostEstimator) -> None:
    with pytest.raises(InvalidArgumentError, match="trained without a label"):
        without_label(fitted).evaluate(ROWS)


@pytest.mark.promised("fit", "TrainingError")
def test_a_search_of_which_no_trial_succeeds(ray_cluster: Any) -> None:
    def make(eta: float) -> XGBoostEstimator:
        raise LookupError(f"no estimator for {eta}")

    with pytest.raises(TrainingError, match="No trial succeeded") as caught:
        tune.fit(make, {"eta": 0.1}, ROWS, ROWS, metric="rmse")
    assert "no estimator for 0.1" in str(caught.value.__cause__)


@pytest.mark.promised("Estimator.predict", "ClusterError")
def test_a_prediction_that_finds_no_resources(fitted: XGBoostEstimator) -> None:
    wanting = with_configuration(fitted, resources_per_worker={"CPU": 1.0, "GPU": 1.0}, start_timeout=0.5)
    with pytest.raises(ClusterError, match=r"A prediction task.*1 x \{CPU: 1, GPU: 1\}"):
        wanting.predict(ray.data.from_pandas(ROWS))


@pytest.mark.promised("FitResult.plot", "MissingRequirementError")
@pytest.mark.promised("Evaluation.plot", "MissingRequirementError")
def test_a_plot_without_matplotlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    for name in ("notebook_figure", "evaluation_plot", "training.curves"):  # another test may have imported them
        monkeypatch.delitem(sys.modules, f"raydp._estimators.{name}", raising=False)
    with pytest.raises(MissingRequirementError, match="pip install matplotlib"):
        FitResult([{"train-rmse": 1.0}], 1, {}).plot(tmp_path / "curves.png")
    outcomes = Outcomes.of(np.array([0.2, 0.7]), np.array([0, 1]), None, 2)
    with pytest.raises(MissingRequirementError, match="pip install matplotlib"):
        Evaluation({}, outcomes, [0, 1]).plot(tmp_path / "evaluation.png")


@pytest.mark.promised("to_spark", "SessionError")
@pytest.mark.promised("register", "SessionError")
@pytest.mark.promised("unregister", "SessionError")
@pytest.mark.promised("ui_url", "SessionError")
@pytest.mark.promised("scale", "SessionError")
def test_functions_that_need_a_session() -> None:
    outcome = programs.run("first_hour/without_a_session")
    lines = outcome.output.splitlines()
    for name in ("to_spark", "register", "unregister", "scale", "ui_url"):
        assert any(line.startswith(f"{name} There is no running Spark session on Ray") for line in lines), outcome
    assert lines[-1] == "Ray runs: False"


@pytest.mark.promised("to_spark", "InvalidArgumentError")
def test_datasets_without_columns(spark: SparkSession) -> None:
    for use in (raydp.to_spark, lambda ds: raydp.register(ds, "nothing")):
        with pytest.raises(InvalidArgumentError, match=r"no columns|no rows and no schema"):
            use(ray.data.from_arrow(pa.table({})))


@pytest.mark.parametrize("thing", [None, 3, [], [3], [None]])
@pytest.mark.promised("read_spark_parquet", "NotADataFrameError")
@pytest.mark.promised("convert_to_spark", "NotADataFrameError")
@pytest.mark.promised("df_type_check", "NotADataFrameError")
def test_paths_and_frames_of_the_former_functions(thing: Any) -> None:
    for function in (raydp.spark.read_spark_parquet, raydp.utils.convert_to_spark, raydp.utils.df_type_check):
        with pytest.raises(NotADataFrameError):
            function(thing)


@pytest.mark.parametrize("text", ["", "much", "1 parsec"])
@pytest.mark.promised("parse_memory_size", "InvalidArgumentError")
def test_sizes(text: str) -> None:
    with pytest.raises(InvalidArgumentError, match="not a memory size"):
        raydp.utils.parse_memory_size(text)


@pytest.mark.parametrize("error", [ClusterError, ExecutorStartError])
@pytest.mark.promised("scale", "ClusterError", "ExecutorStartError")
def test_scaling_of_an_application_that_has_failed(error: type[RaydpError], monkeypatch: pytest.MonkeyPatch) -> None:
    failure = ApplicationFailure(error, "too bad")
    status = ApplicationStatus(1, "app", ApplicationPhase.FAILED, 2, (), failure, ())
    failed = SimpleNamespace(
        settings={}, reservation=None, entry_points=SimpleNamespace(resize=lambda _: None), status=lambda: status
    )
    monkeypatch.setattr(scaling, "current_application", lambda: failed)
    with pytest.raises(error, match="too bad"):
        raydp.scale(2)
