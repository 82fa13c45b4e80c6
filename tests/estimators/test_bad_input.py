"""What cannot be trained on is refused with a typed error that names it, before any worker is started."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import ray.data

from raydp.errors import (
    ClusterError,
    InvalidArgumentError,
    InvalidDataError,
    NotADataFrameError,
    NotFittedError,
    UnknownArgumentError,
)
from raydp.xgboost import XGBoostEstimator

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

GOOD: dict[str, Any] = {"xgboost_params": {"max_depth": 2}, "label_column": "y", "num_boost_round": 1}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"num_workers": 0}, ["num_workers", "at least 1", "0"]),
        ({"num_workers": True}, ["num_workers", "True"]),
        ({"num_boost_round": 0}, ["num_boost_round", "0"]),
        ({"early_stopping_rounds": -1}, ["early_stopping_rounds", "-1"]),
        ({"label_column": ""}, ["label_column"]),
        ({"label_column": None}, ["label_column", "None"]),
        ({"resources_per_worker": {"CPU": -1}}, ["CPU", "-1"]),
        ({"resources_per_worker": 4}, ["resources_per_worker", "4"]),
        ({"feature_columns": "x"}, ["feature_columns", "'x'"]),
        ({"feature_columns": []}, ["feature_columns"]),
        ({"feature_columns": ["x", "x"]}, ["twice", "x"]),
        ({"feature_columns": ["x", "y"]}, ["label_column", "'y'"]),
        ({"categorical_columns": "x"}, ["categorical_columns", "'x'"]),
        ({"categorical_columns": ["y"]}, ["label_column", "categorical_columns", "'y'"]),
        ({"categorical_columns": ["n", 3]}, ["categorical_columns", "3"]),
        ({"feature_columns": ["x"], "categorical_columns": ["X"]}, ["among feature_columns", "Did you mean x"]),
        ({"weight_column": "x", "feature_columns": ["x"]}, ["weight_column", "'x'"]),
        ({"nulls": "ignore"}, ["nulls", "drop", "'ignore'"]),
        ({"seed": -1}, ["seed", "-1"]),
        ({"start_timeout": 0}, ["start_timeout", "0"]),
        ({"placement_strategy": "CLOSE"}, ["placement_strategy", "'CLOSE'"]),
        ({"xgboost_params": [1]}, ["xgboost_params"]),
        ({"nulls": "fill", "fill_value": "0"}, ["fill_value", "'0'"]),
        ({"nulls": "fill", "fill_value": float("nan")}, ["fill_value", "nan"]),
        ({"nulls": "fill", "fill_value": -1e39}, ["fill_value", "float32", "-1e+39"]),
        ({"nulls": "fill", "fill_value": 10**400}, ["fill_value", "double"]),
        ({"weight_column": "y"}, ["different columns", "'y'"]),
        ({"callbacks": [print]}, ["callbacks takes xgboost.callback.TrainingCallback", "print"]),
    ],
)
@pytest.mark.promised("FrameworkEstimator", "InvalidArgumentError")
def test_wrong_arguments(changes: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        XGBoostEstimator(**{**GOOD, **changes})
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.promised("FrameworkEstimator", "UnknownArgumentError")
def test_an_unknown_argument_is_a_type_error() -> None:
    with pytest.raises(UnknownArgumentError, match="no argument of this name: epochs"):
        XGBoostEstimator({}, "y", epochs=3)  # type: ignore[call-arg]


def test_an_argument_of_1_6_says_what_replaces_it() -> None:
    with pytest.warns(DeprecationWarning, match="shuffle no longer has an effect: XGBoost sums over all rows"):
        XGBoostEstimator({}, "y", shuffle=True)


def changed(frame: pd.DataFrame, **columns: Any) -> pd.DataFrame:
    return frame.assign(**columns)


LABELS = {"label_column": "kind", "feature_columns": ["x"]}
BAD_FRAMES: list[tuple[str, dict[str, Any], Any, list[str]]] = [
    ("missing column", {"feature_columns": ["x", "speed"]}, lambda f: f, ["Missing: speed", "id, x, n"]),
    ("missing label", {"label_column": "z"}, lambda f: f[["x"]], ["Missing: z"]),
    (
        "dates and timestamps",
        {"feature_columns": ["x", "day", "at"]},
        lambda f: changed(f, day=dt.date(2013, 1, 31), at=pd.Timestamp(0, tz="UTC")),
        ["not a feature by itself", ".dt.dayofweek", "day (date32[day]), at (timestamp[us, tz=UTC])"],
    ),
    (
        "structs",
        {"feature_columns": ["x", "s"]},
        lambda f: changed(f, s=[{"a": 1}] * len(f)),
        ["Not numeric: s (struct", "pandas.json_normalize"],
    ),
    (
        "null category",
        {"feature_columns": ["x", "kind"]},
        lambda f: changed(f, kind=f["kind"].where(f["id"] > 2)),
        ["kind (3)", "takes strings as unknown"],
    ),
    (
        "categories that are no features",
        {"categorical_columns": ["knd"]},
        lambda f: f,
        ["categorical_columns must be feature columns", "Did you mean kind", "Not among them: knd"],
    ),
    (
        "arrays as categories",
        {"feature_columns": ["a"], "categorical_columns": ["a"]},
        lambda f: changed(f, a=[[1.0]] * len(f)),
        ["single value per row", "a: list"],
    ),
    (
        "only null categories",
        {"feature_columns": ["x", "n"], "categorical_columns": ["n"], "nulls": "keep"},
        lambda f: changed(f, n=np.nan),
        ["only nulls", "Column: n"],
    ),
    (
        "identifiers",
        {"feature_columns": ["s"]},
        lambda _: pd.DataFrame({"s": np.arange(100_001).astype(str), "y": 0.5}),
        ["too many different values", "Column s: more than 100000"],
    ),
    ("no features", {}, lambda f: f[["y"]], ["no column to predict from"]),
    ("empty", {"feature_columns": ["x"]}, lambda f: f[:0], ["frame is empty"]),
    (
        "null feature",
        {"feature_columns": ["x"]},
        lambda f: changed(f, x=f["x"].where(f["id"] > 2)),
        ["x (3)", "nulls='drop'"],
    ),
    ("all null", {"feature_columns": ["x"], "nulls": "drop"}, lambda f: changed(f, x=np.nan), ["leaves none"]),
    (
        "null label",
        {"feature_columns": ["x"]},
        lambda f: changed(f, y=f["y"].where(f["id"] > 1)),
        ["label has nulls", "y: 2"],
    ),
    (
        "infinite label",
        {"feature_columns": ["x"]},
        lambda f: changed(f, y=f["y"].where(f["id"] > 1, np.inf)),
        ["label has nulls, NaN or infinite", "y: 2"],
    ),
    ("one class", LABELS, lambda f: changed(f, kind="low"), ["at least two classes", "kind: all 'low'"]),
    (
        "string label in a regression",
        {**LABELS, "xgboost_params": {"objective": "reg:squarederror"}},
        lambda f: f,
        ["regression needs a numeric label", "kind"],
    ),
    ("dates as labels", {"feature_columns": ["x"]}, lambda f: changed(f, y=pd.Timestamp(0)), ["numeric label", "y"]),
    (
        "arrays as labels",
        {**LABELS, "xgboost_params": {"objective": "multi:softprob"}},
        lambda f: changed(f, kind=[[1]] * len(f)),
        ["single value", "kind: list"],
    ),
    (
        "three classes",
        {**LABELS, "xgboost_params": {"objective": "binary:logistic"}},
        lambda f: f,
        ["multi:softprob", "'high', 'low', 'middle'"],
    ),
    (
        "infinite features",
        {"feature_columns": ["x", "a"]},
        lambda f: changed(f, x=f["x"].where(f["id"] > 1, np.inf), a=[[1.0, -np.inf]] * len(f)),
        ["infinite: x (2), a (240)", "divisions by zero"],
    ),
    (
        "features beyond float32",
        {"feature_columns": ["x", "a"]},
        lambda f: changed(f, x=f["x"].where(f["id"] > 1, 1e39), a=[[1.0, -1e300]] * len(f)),
        ["infinite: x (2), a (240)", "float32"],
    ),
    (
        "labels beyond float32",
        {"feature_columns": ["x"]},
        lambda f: changed(f, y=f["y"].where(f["id"] > 1, -1e39)),
        ["float32", "y: 2 of 240"],
    ),
    (
        "weights beyond float32",
        {"feature_columns": ["x"], "weight_column": "w"},
        lambda f: changed(f, w=1e39),
        ["Weights must be", "w: 240"],
    ),
    (
        "no weights",
        {"feature_columns": ["x"], "weight_column": "w"},
        lambda f: changed(f, w=0.0),
        ["No row of the frame has a weight above 0", "Column w"],
    ),
    (
        "no weights of rows that are left",
        {"feature_columns": ["x"], "weight_column": "w", "nulls": "drop"},
        lambda f: changed(f, w=(f["id"] < 3) * 1.0, x=f["x"].where(f["id"] > 2)),
        ["No row of the frame has a weight above 0", "nulls='drop'"],
    ),
    ("negative weight", {"feature_columns": ["x"], "weight_column": "n"}, lambda f: f, ["Weights must be", "n"]),
    (
        "ragged arrays",
        {"feature_columns": ["a"]},
        lambda f: changed(f, a=[[1.0] * (i % 2 + 1) for i in range(len(f))]),
        ["same length", "a: 1 to 2"],
    ),
    ("two of a name", {}, lambda f: pd.concat([f[["x", "y"]], f[["x"]]], axis=1), ["several columns", "x"]),
]


@pytest.mark.parametrize(
    ("options", "change", "words"), [row[1:] for row in BAD_FRAMES], ids=[row[0] for row in BAD_FRAMES]
)
@pytest.mark.promised("Estimator.fit", "InvalidDataError")
def test_bad_frames(
    ray_cluster: Any, rows: pd.DataFrame, options: dict[str, Any], change: Any, words: list[str]
) -> None:
    estimator = XGBoostEstimator(**{**GOOD, **options})
    with pytest.raises(InvalidDataError if "multi:softprob" not in words else InvalidArgumentError) as caught:
        estimator.fit(change(rows))
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_dataset_is_told_how_ray_derives_numbers_from_times(ray_cluster: Any) -> None:
    block = pa.table({"t": pa.array([0], pa.timestamp("us")), "y": [1.0]})
    with pytest.raises(InvalidDataError, match=r'with map_batches\(…, batch_format="pandas"\): column.dt.year'):
        XGBoostEstimator(**{**GOOD, "feature_columns": ["t"]}).fit(ray.data.from_arrow(block))


def test_bad_spark_frames(spark: SparkSession, frame: DataFrame) -> None:
    estimator = XGBoostEstimator(**GOOD)
    with pytest.raises(InvalidDataError, match=r"F\.dayofweek.*Dates and timestamps: t \(timestamp"):
        estimator.fit(frame.selectExpr("current_timestamp() AS t", "y", "raise_error('a job was started') AS x"))
    with pytest.raises(InvalidDataError, match=r"Not numeric: x \(duration"):
        estimator.fit(frame.selectExpr("y", "interval '1' day AS x"))
    with pytest.raises(InvalidDataError, match="frame is empty"):
        estimator.fit(frame.where("id < 0").select("x", "y"))
    with pytest.raises(InvalidDataError, match=r"evaluation frame has classes.*'high'"):
        XGBoostEstimator({}, "kind", feature_columns=["x"]).fit(frame.where("kind <> 'high'"), frame)


@pytest.mark.parametrize("thing", [None, [1, 2], "frame", pd.Series([1.0])])
@pytest.mark.promised("Estimator.fit", "NotADataFrameError")
def test_no_frame(thing: object) -> None:
    with pytest.raises(NotADataFrameError, match=r"takes a Spark DataFrame, a ray\.data\.Dataset or a pandas"):
        XGBoostEstimator(**GOOD).fit(thing)


@pytest.mark.parametrize("retries", [-1, 1.5, None, True])
@pytest.mark.promised("Estimator.fit", "InvalidArgumentError")
def test_wrong_retries(rows: pd.DataFrame, retries: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="max_retries"):
        XGBoostEstimator(**GOOD).fit(rows, max_retries=retries)


def test_early_stopping_needs_an_evaluation_frame(rows: pd.DataFrame) -> None:
    with pytest.raises(InvalidArgumentError, match="Give fit an evaluation frame"):
        XGBoostEstimator(**GOOD, early_stopping_rounds=2).fit(rows)


@pytest.mark.promised("Estimator.fit", "ClusterError")
def test_workers_that_do_not_fit_the_cluster(ray_cluster: Any, rows: pd.DataFrame) -> None:
    estimator = XGBoostEstimator({}, "y", 3, {"CPU": 50, "oracle": 1}, feature_columns=["x"], start_timeout=0.5)
    with pytest.raises(ClusterError) as caught:
        estimator.fit(rows)
    words = ["3 x {CPU: 50, oracle: 1}", "in all: {CPU: 4, oracle: 0}", "too small", "waited 0.5 s"]
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_fewer_rows_than_workers(ray_cluster: Any, rows: pd.DataFrame) -> None:
    estimator = XGBoostEstimator({}, "y", 2, {"CPU": 0.5}, feature_columns=["x"])
    with pytest.raises(InvalidDataError, match="Rows: 1, workers: 2"):
        estimator.fit(rows[:1])


@pytest.mark.promised("Estimator.predict", "NotFittedError")
@pytest.mark.promised("Estimator.get_model", "NotFittedError")
@pytest.mark.promised("Estimator.save", "NotFittedError")
@pytest.mark.promised("Estimator.load", "InvalidArgumentError")
def test_before_a_fit(rows: pd.DataFrame, tmp_path: Any) -> None:
    estimator = XGBoostEstimator(**GOOD)
    for action in (estimator.get_model, lambda: estimator.predict(rows), lambda: estimator.save(tmp_path)):
        with pytest.raises(NotFittedError, match="call fit first"):
            action()
    with pytest.raises(InvalidArgumentError, match="no saved estimator"):
        XGBoostEstimator.load(tmp_path / "nothing")
