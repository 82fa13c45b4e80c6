"""XGBoostEstimator against XGBoost itself. A fit starts processes, so each test checks several things."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import ray
import xgboost

from raydp.xgboost import XGBoostEstimator
from support.fits import assert_followed

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import DataFrame, SparkSession

FEATURES = ["x", "n", "flag"]


def trees(booster: xgboost.Booster) -> list[str]:
    return booster.get_dump(with_stats=True)


def own(params: dict[str, Any], features: pd.DataFrame, label: Any, rounds: int, weight: Any = None) -> xgboost.Booster:
    # Without the types of pandas' columns, which only change how trees are printed.
    matrix = xgboost.DMatrix(features.to_numpy(np.float32), label, weight=weight, feature_names=list(features.columns))
    return xgboost.train({"nthread": 1, **params}, matrix, rounds)


def with_holes(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(x=rows["x"].where(rows["id"] % 7 != 0))


def test_one_worker_gives_xgboosts_own_trees(spark: SparkSession, frame: DataFrame, tmp_path: Path) -> None:
    from pyspark.ml.feature import VectorAssembler
    from pyspark.sql import functions as F

    params = {"objective": "reg:squarederror", "max_depth": 3, "eta": 0.5, "subsample": 0.7}
    assembled = VectorAssembler(inputCols=["x", "n"], outputCol="v").transform(frame)
    assembled = assembled.select("id", "v", F.array("x", F.lit(1)).alias("a"), "flag", "w", "y", "kind")
    estimator = XGBoostEstimator(
        params, "y", feature_columns=["v", "flag", "a"], weight_column="w", num_boost_round=7, seed=5
    )
    result = estimator.fit(assembled)

    rows = frame.toPandas()
    columns = {"v_0": rows["x"], "v_1": rows["n"], "flag": rows["flag"], "a_0": rows["x"], "a_1": 1.0}
    features = pd.DataFrame(columns).astype(np.float32)
    expected = own({**params, "seed": 5}, features, rows["y"], 7, rows["w"])
    assert trees(estimator.get_model()) == trees(expected)
    assert result.rows == len(rows)
    assert [sorted(metrics) for metrics in result.history] == [["train-rmse"]] * 7
    assert result.metrics["train-rmse"] < result.history[0]["train-rmse"] / 2
    assert result.plot(tmp_path / "plots" / "curves.png").read_bytes().startswith(b"\x89PNG")

    predicted = estimator.predict(assembled)
    assert predicted.schema["v"] == assembled.schema["v"]
    assert predicted.columns == [*assembled.columns, "prediction"]
    found = {row["id"]: row for row in predicted.collect()}
    reference = expected.predict(xgboost.DMatrix(features))
    for row, value in zip(assembled.orderBy("id").collect(), reference[rows["id"].argsort()], strict=True):
        assert found[row["id"]] == (*row, float(value))
    errors = reference - rows["y"]
    assert estimator.evaluate(assembled)["rmse"] == pytest.approx(np.sqrt(np.average(errors**2, weights=rows["w"])))


def test_string_labels_are_classes_and_incomplete_rows_are_dropped(frame: DataFrame, tmp_path: Path) -> None:
    rows = frame.toPandas()
    holes = with_holes(rows)
    used = holes.dropna()
    dataset = ray.data.from_pandas([holes[:100], holes[100:]])
    estimator = XGBoostEstimator({"max_depth": 3}, "kind", feature_columns=FEATURES, num_boost_round=5, nulls="drop")
    assert estimator.fit(dataset).rows == len(used) < len(rows)
    codes = used["kind"].map({"high": 0, "low": 1, "middle": 2})
    expected = own({"max_depth": 3, "objective": "multi:softprob", "num_class": 3}, used[FEATURES], codes, 5)
    assert estimator.classes == ["high", "low", "middle"]
    assert trees(estimator.get_model()) == trees(expected)

    found = estimator.predict(holes)["prediction"]
    assert list(found.isna()) == list(holes["x"].isna())
    predicted = estimator.predict(frame, probability_column="p").toPandas()
    probabilities = np.stack(predicted["p"])
    np.testing.assert_array_equal(probabilities.argmax(axis=1), predicted["prediction"].map(estimator.classes.index))
    metrics = estimator.evaluate(frame)
    assert metrics["accuracy"] == pytest.approx((predicted["prediction"] == predicted["kind"]).mean())
    right = probabilities[np.arange(len(predicted)), predicted["kind"].map(estimator.classes.index)]
    assert metrics["logloss"] == pytest.approx(-np.log(right).mean())
    whole = used.reset_index(drop=True)
    assert estimator.evaluate(dataset) == pytest.approx(estimator.evaluate(whole))

    estimator.save(tmp_path / "model")
    loaded = XGBoostEstimator.load(tmp_path / "model")
    assert list(loaded.predict(rows)["prediction"]) == list(estimator.predict(rows)["prediction"])
    assert loaded.classes == estimator.classes
    assert trees(xgboost.Booster(model_file=tmp_path / "model" / "model.ubj")) == trees(expected)


def test_two_workers_stop_early_with_the_best_model(
    frame: DataFrame, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    train, evaluate = frame.where("id < 60"), frame.where("id >= 180")
    params = {"max_depth": 6, "eta": 1.0, "objective": "binary:logistic", "eval_metric": "logloss"}
    estimator = XGBoostEstimator(
        params,
        "late",
        2,
        feature_columns=["x"],
        num_boost_round=60,
        early_stopping_rounds=3,
        seed=1,
        checkpoint_every=1,
    )
    result = estimator.fit(train, evaluate)
    assert_followed(result, capsys.readouterr().err, tmp_path, steps=60, named="evaluate-logloss")
    monkeypatch.undo()
    course = [metrics["evaluate-logloss"] for metrics in result.history]
    best = int(np.argmin(course))
    assert len(course) == best + 1 + 3 < 60
    assert (result.best_step, result.best_metrics) == (best + 1, result.history[best])
    assert estimator.get_model().num_boosted_rounds() == best + 1
    assert estimator.evaluate(evaluate)["logloss"] == pytest.approx(min(course), rel=1e-4)
    model = trees(estimator.get_model())
    with pytest.warns(DeprecationWarning, match="fs_directory"):
        again = estimator.fit_on_spark(train, evaluate, fs_directory=f"file://{tmp_path}/rows")
    (tmp_path / "rows").rmdir()  # as programs for RayDP 1.6 do
    assert again.history == result.history
    assert trees(estimator.get_model()) == model


def test_missing_values_are_learned_from(ray_cluster: Any, rows: pd.DataFrame) -> None:
    holes = with_holes(rows)
    estimator = XGBoostEstimator({"max_depth": 3}, "y", feature_columns=FEATURES, num_boost_round=3, nulls="keep")
    result = estimator.fit(holes)
    assert trees(estimator.get_model()) == trees(own({"max_depth": 3}, holes[FEATURES].astype(float), holes["y"], 3))
    assert result.rows == len(holes)
    assert not estimator.predict(holes)["prediction"].isna().any()
