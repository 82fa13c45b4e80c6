"""Fits that log to MLflow, whose runs are compared with what the fits return. MLflow keeps them in a folder."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import mlflow
import pytest
import xgboost
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from raydp import tune
from raydp._estimators.mlflow_options import check_mlflow_options
from raydp._estimators.training.mlflow_reports import MLflowReports, name_metric
from raydp._estimators.training.mlflow_run import find_surroundings, nest_runs, open_run
from raydp.errors import InvalidArgumentError, InvalidDataError, MissingRequirementError, UnknownArgumentError
from raydp.lightgbm import LightGBMEstimator
from raydp.ml import RayEstimator
from raydp.sklearn import SklearnEstimator
from raydp.xgboost import XGBoostEstimator
from support.killing import step_done, steps_done

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pandas as pd
    from pyspark.sql import DataFrame

FEATURES = ["x", "n", "flag"]


@pytest.fixture(autouse=True)
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """MLflow's client for a folder of the test, in which it keeps the runs by default."""
    before = mlflow.get_tracking_uri() if mlflow.is_tracking_uri_set() else None
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri((tmp_path / "runs").as_uri())
    yield mlflow.MlflowClient()
    assert mlflow.active_run() is None
    mlflow.set_tracking_uri(before)


def all_runs(client: Any) -> list[Any]:
    """All runs in the folder, the oldest first."""
    experiments = [one.experiment_id for one in client.search_experiments()]
    return sorted(client.search_runs(experiments), key=lambda run: run.info.start_time)


def history_of(client: Any, run_id: str) -> list[dict[str, float]]:
    """The metrics of each step in a run, as ``FitResult.history`` has them. No step may have a value twice."""
    logged: dict[int, dict[str, float]] = {}
    for name in client.get_run(run_id).data.metrics:
        for metric in client.get_metric_history(run_id, name):
            assert name not in logged.setdefault(metric.step, {}), f"{name} has two values for step {metric.step}"
            logged[metric.step][name] = metric.value
    assert sorted(logged) == list(range(1, len(logged) + 1))
    return [logged[step] for step in sorted(logged)]


def killer(folder: Path) -> xgboost.callback.TrainingCallback:
    """A callback that logs to the active run of its worker, and kills it in round 3, once."""

    class Killer(xgboost.callback.TrainingCallback):  # inside, so that it travels with its code
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:  # noqa: ARG002
            if (run := mlflow.active_run()) is not None:
                mlflow.set_tag("seen by a callback", run.info.run_id)
            step_done(folder, model.num_boosted_rounds(), kill_at=(3,))
            return False

    return Killer()


def test_a_killed_worker_goes_on_in_the_run_that_the_program_opened(
    frame: DataFrame, client: Any, tmp_path: Path
) -> None:
    estimator = XGBoostEstimator(
        {"max_depth": 3, "eval_metric": ["rmse", "mae"]},
        "y",
        feature_columns=FEATURES,
        num_boost_round=6,
        checkpoint_every=2,
        callbacks=[killer(tmp_path)],
        mlflow=True,
    )
    with mlflow.start_run() as opened:
        mlflow.log_param("owner", "me")
        result = estimator.fit(frame, frame)
        assert client.get_run(opened.info.run_id).info.status == "RUNNING"
        mlflow.log_metric("final", 1)
    assert steps_done(tmp_path) == [1, 2, 3, 3, 4, 5, 6]
    (run,) = all_runs(client)
    assert (run.info.run_id, run.info.status) == (result.mlflow_run_id, "FINISHED")
    assert run.data.metrics == {**result.metrics, "final": 1}
    history = [[metric.value for metric in client.get_metric_history(run.info.run_id, name)] for name in result.metrics]
    assert history == [[metrics[name] for metrics in result.history] for name in result.metrics]
    shown = {"max_depth": "3", "num_boost_round": "6", "num_workers": "1", "rows": "240", "owner": "me"}
    assert run.data.params.items() >= shown.items()
    assert run.data.tags["raydp.estimator"] == "XGBoostEstimator"
    assert run.data.tags["seen by a callback"] == run.info.run_id


def torch_estimator(**options: Any) -> Any:
    """An estimator of a network with three epochs."""
    import torch

    from raydp.torch import TorchEstimator

    model = torch.nn.Linear(len(FEATURES), 1)
    return TorchEstimator(
        model=model,
        optimizer=torch.optim.Adam(model.parameters()),
        loss=torch.nn.MSELoss(),
        label_column="y",
        feature_columns=FEATURES,
        num_epochs=3,
        **options,
    )


def keras_estimator(**options: Any) -> Any:
    """An estimator of a network with three epochs."""
    from raydp.tf import TFEstimator

    import keras  # isort: skip  (after raydp.tf)

    model = keras.Sequential([keras.layers.Input((len(FEATURES),)), keras.layers.Dense(1)])
    return TFEstimator(
        model=model, optimizer="adam", loss="mse", label_columns="y", feature_columns=FEATURES, num_epochs=3, **options
    )


def lightgbm_estimator(**options: Any) -> Any:
    """An estimator of three rounds."""
    parameters = {"min_data_in_leaf": 5, "metric": ["rmse", "l1"], "verbose": -1}
    return LightGBMEstimator(parameters, "y", feature_columns=FEATURES, num_boost_round=3, **options)


@pytest.mark.nightly
@pytest.mark.parametrize("make", [lightgbm_estimator, torch_estimator, keras_estimator])
def test_two_workers_log_a_run_of_their_own_once(make: Any, rows: pd.DataFrame, client: Any, ray_cluster: Any) -> None:
    options = {"experiment_name": "fares", "run_name": "first", "tags": {"team": "blue"}}
    result = make(num_workers=2, mlflow=options).fit(rows, rows)
    (run,) = all_runs(client)
    assert (run.info.run_id, run.info.status, run.info.run_name) == (result.mlflow_run_id, "FINISHED", "first")
    assert client.get_experiment(run.info.experiment_id).name == "fares"
    assert run.data.tags["team"] == "blue"
    assert len(result.history) == 3
    assert history_of(client, run.info.run_id) == result.history
    assert run.data.metrics == result.metrics


def test_each_trial_and_each_model_of_a_stage_has_a_nested_run(
    rows: pd.DataFrame, frame: DataFrame, client: Any
) -> None:
    def make(alpha: float) -> SklearnEstimator:
        return SklearnEstimator(Ridge(alpha), "y", feature_columns=["x", "n"], mlflow=True)

    with mlflow.start_run() as parent:
        found = tune.fit(make, {"alpha": 0.5}, rows, rows, metric="rmse")
    (_, trial) = all_runs(client)
    assert (trial.info.status, trial.info.run_name) == ("FINISHED", "alpha=0.5")
    assert trial.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert trial.data.params.items() >= {"alpha": "0.5", "fit_intercept": "True"}.items()
    assert found.best_metrics["rmse"] == trial.data.metrics["rmse"]

    stage = RayEstimator(SklearnEstimator, {"model": Ridge(), "mlflow": True}, labelCol="y", featuresCol="x")
    with mlflow.start_run() as parent:
        models = stage.fitMultiple(frame, [{stage.getParam("alpha"): 2.0}])
        with ThreadPoolExecutor(1) as pool:  # as Spark's CrossValidator does
            pool.submit(next, models).result()
    nested = all_runs(client)[-1]
    assert nested.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert nested.data.params["alpha"] == "2.0"


def test_a_fit_that_fails_before_its_workers_ends_its_run_as_failed(
    rows: pd.DataFrame, client: Any, ray_cluster: Any
) -> None:
    estimator = SklearnEstimator(Ridge(), "y", feature_columns=["x"], mlflow=True)
    with pytest.raises(InvalidDataError, match="label has nulls"):
        estimator.fit(rows.assign(y=float("nan")))
    with pytest.raises(InvalidDataError, match="Missing: speed"):
        SklearnEstimator(Ridge(), "y", feature_columns=["speed"], mlflow=True).fit(rows)
    (run,) = all_runs(client)  # the second one was refused before there was anything to log
    assert run.info.status == "FAILED"


def test_which_run_a_fit_takes(client: Any, tmp_path: Path) -> None:
    def fit(**options: Any) -> Any:
        with open_run(check_mlflow_options(options), "Estimator", {"depth": 3}) as run:
            assert run is not None
        return client.get_run(run.run_id)

    alone = fit()
    assert (alone.info.status, alone.data.params) == ("FINISHED", {"depth": "3"})
    with mlflow.start_run() as opened:
        mlflow.log_param("depth", 4)
        first, second, named = fit(), fit(), fit(run_name="other")
        elsewhere = fit(experiment_name="elsewhere")
        with ThreadPoolExecutor(1) as pool, nest_runs(find_surroundings()) as runs:
            assert pool.submit(fit).result().data.tags.get("mlflow.parentRunId") is None
            fit()
    assert first.info.run_id == opened.info.run_id
    assert first.data.params["depth"] == "4"
    parents = [run.data.tags["mlflow.parentRunId"] for run in (second, named, client.get_run(runs[0].run_id))]
    assert parents == [opened.info.run_id] * 3
    assert elsewhere.info.experiment_id != opened.info.experiment_id
    assert "mlflow.parentRunId" not in elsewhere.data.tags
    other = mlflow.MlflowClient((tmp_path / "other").as_uri())
    with mlflow.start_run(), open_run({"tracking_uri": str(tmp_path / "other")}, "Estimator", {}) as run:
        assert run is not None
    assert other.get_run(run.run_id).info.status == "FINISHED"
    with pytest.raises(KeyboardInterrupt), open_run({}, "Estimator", {}):
        raise KeyboardInterrupt
    assert all_runs(client)[-1].info.status == "KILLED"


def test_what_a_worker_could_not_log_is_logged_at_the_end(client: Any, caplog: pytest.LogCaptureFixture) -> None:
    history = [{"train-ndcg@5": step / 10, "custom/": -step} for step in range(1, 2003)]
    with open_run({}, "Estimator", {"long": "x" * 9000}) as run:
        assert run is not None
        reports = MLflowReports(client, run.run_id, 10)
        for step in (1, 2):
            reports.put(step, history[step - 1])
        reports.flush()
        again = MLflowReports(client, run.run_id, 10)  # of the worker after that one
        for step in (2, 3):
            again.put(step, history[step - 1])
        again.flush()
        run.complete(history, 7)
        run.log_evaluation({"rmse": 0.5})
    assert caplog.messages == []
    expected = [{name_metric(name): value for name, value in metrics.items()} for metrics in history]
    assert set(expected[0]) == {"train-ndcg_at_5", "custom_"}
    data = client.get_run(run.run_id).data
    assert data.metrics == {**expected[-1], "rmse": 0.5}
    for name in expected[0]:
        logged = sorted(client.get_metric_history(run.run_id, name), key=lambda metric: metric.step)
        assert [metric.value for metric in logged] == [metrics[name] for metrics in expected]
    assert (data.params["rows"], len(data.params["long"])) == ("7", 500)
    lost = MLflowReports(client, "0" * 32, 1)
    lost.put(1, {"rmse": 1})
    assert "Logging to MLflow failed. Training goes on" in caplog.text


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        (3, InvalidArgumentError, "mlflow takes True, or a mapping"),
        ("fares", InvalidArgumentError, "mlflow takes True, or a mapping"),
        ({"experiment": "fares"}, UnknownArgumentError, "Did you mean experiment_"),
        ({"experiment_id": 3}, InvalidArgumentError, "experiment_id of mlflow must be a non-empty string; got: 3"),
        ({"tags": ["a"]}, InvalidArgumentError, "tags of mlflow are a mapping"),
        ({"experiment_id": "3", "experiment_name": "a"}, InvalidArgumentError, "name of an experiment or its id"),
    ],
)
def test_wrong_options(given: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        SklearnEstimator(Ridge(), "y", mlflow=given)


@pytest.mark.promised("Estimator.fit", "InvalidArgumentError")
def test_a_server_that_is_away_is_named_before_any_work(rows: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    options = {"tracking_uri": "http://127.0.0.1:9"}
    with pytest.raises(InvalidArgumentError, match=r"MLflow does not accept the run.*127\.0\.0\.1:9"):
        SklearnEstimator(make_pipeline(Ridge()), "y", feature_columns=["x"], mlflow=options).fit(rows)


@pytest.mark.promised("FrameworkEstimator", "MissingRequirementError")
def test_without_mlflow_the_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert SklearnEstimator(Ridge(), "y", mlflow=False).configuration.mlflow is None
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(MissingRequirementError, match=r"pip install 'raydp\[mlflow\]'"):
        SklearnEstimator(Ridge(), "y", mlflow=True)
