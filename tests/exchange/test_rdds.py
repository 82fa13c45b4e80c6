"""``from_spark`` of RDDs: which elements it takes, which columns they have, and what it says about others."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from collections import namedtuple
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import ray.data
from pyspark import cloudpickle
from pyspark.errors import PySparkException
from pyspark.ml.linalg import Vectors
from pyspark.mllib.regression import LabeledPoint
from pyspark.sql import Row
from pyspark.sql import types as T

import raydp
from raydp._session.rdds import _row_maker
from raydp.errors import InvalidArgumentError, NotADataFrameError, UnsupportedTypeError
from raydp.xgboost import XGBoostEstimator
from support.datasets import table_of

if TYPE_CHECKING:
    from pyspark import RDD
    from pyspark.sql import SparkSession


def row_classes() -> tuple[Any, Any]:
    """Return classes of rows as a program has them: Spark's workers cannot import them."""

    @dataclass
    class Sample:
        x: Any
        label: str

    return namedtuple("Point", ["x", "label"]), Sample


def rdd_of(spark: SparkSession, *elements: Any, partitions: int = 2) -> RDD[Any]:
    return spark.sparkContext.parallelize(elements, partitions)


def rows(spark: SparkSession, *elements: Any, schema: Any = None) -> list[dict[str, Any]]:
    return table_of(raydp.from_spark(rdd_of(spark, *elements), schema)).to_pylist()


def test_rows_named_tuples_dicts_tuples_and_objects(spark: SparkSession) -> None:
    point, sample = row_classes()
    expected = [{"x": 1.5, "label": "a"}, {"x": 2.5, "label": "b"}]
    assert rows(spark, Row(x=1.5, label="a"), Row(x=2.5, label="b")) == expected
    assert rows(spark, point(1.5, "a"), point(2.5, "b")) == expected
    by_name = [{"label": "a", "x": 1.5}, {"label": "b", "x": 2.5}]
    assert rows(spark, {"x": 1.5, "label": "a"}, {"x": 2.5, "label": "b"}) == by_name
    assert rows(spark, sample(1.5, "a"), sample(2.5, "b")) == by_name
    assert rows(spark, (1.5, "a"), (2.5, "b"), schema="x double, label string") == expected
    assert rows(spark, [1.5, "a"], [2.5, "b"], schema=["x", "label"]) == expected
    assert rows(spark, (1.5, "a"), (2.5, "b"), schema=["x"]) == [{"x": 1.5, "_2": "a"}, {"x": 2.5, "_2": "b"}]
    assert rows(spark, {"x": 1.5, "label": "a"}, schema=["name"]) == [{"name": "a", "x": 1.5}]
    assert rows(spark, 1, 2, schema="bigint") == [{"value": 1}, {"value": 2}]


def test_numpy_arrays_are_rows(spark: SparkSession) -> None:
    matrix = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert rows(spark, *matrix) == [{"_1": 1.0, "_2": 2.0}, {"_1": 3.0, "_2": 4.0}]
    assert rows(spark, *matrix.astype("i4"), schema="a int, b int") == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]
    assert rows(spark, *matrix, schema=["a", "b"]) == [{"a": 1.0, "b": 2.0}, {"a": 3.0, "b": 4.0}]
    records = np.array([(1, 2.5, "a")], dtype=[("n", "i2"), ("x", "f4"), ("s", "U1")])
    assert rows(spark, *records) == [{"n": 1, "x": 2.5, "s": "a"}]


def test_numpy_arrays_are_values_of_a_column_of_arrays(spark: SparkSession) -> None:
    images = np.arange(12, dtype="f4").reshape(3, 2, 2)
    ds = raydp.from_spark(rdd_of(spark, *images), "image array<array<float>>", tensor_columns=["image"])
    assert np.array_equal(np.stack([row["image"] for row in ds.take_all()]), images)
    assert rows(spark, np.array([1.0, 2.0]), schema="features array<double>") == [{"features": [1.0, 2.0]}]


def test_numpy_inside_rows(spark: SparkSession) -> None:
    point, sample = row_classes()
    arrays = rows(spark, {"x": np.arange(2), "y": np.float32(0.5)}, {"x": np.arange(3), "y": np.float32(1.5)})
    assert arrays == [{"x": [0, 1], "y": 0.5}, {"x": [0, 1, 2], "y": 1.5}]
    assert rows(spark, Row(x=np.eye(2), n=np.int8(3))) == [{"x": [[1.0, 0.0], [0.0, 1.0]], "n": 3}]
    assert rows(spark, point(np.array(["a", "b"]), np.True_)) == [{"x": ["a", "b"], "label": True}]
    assert rows(spark, sample(np.array([1.5]), "a")) == [{"label": "a", "x": [1.5]}]
    times = rows(spark, {"d": np.datetime64("2020-02-29"), "n": np.timedelta64(1500, "ms"), "t": np.datetime64("NaT")},
                 schema="d date, n interval day to second, t timestamp_ntz")  # fmt: skip
    assert times == [{"d": dt.date(2020, 2, 29), "n": dt.timedelta(seconds=1.5), "t": None}]
    exact = {"t": np.datetime64("2020-01-01T00:00:00.000001000")}
    assert rows(spark, exact, schema="t timestamp_ntz") == [{"t": dt.datetime(2020, 1, 1, 0, 0, 0, 1)}]  # noqa: DTZ001


def test_points_of_mllib(spark: SparkSession) -> None:
    ds = raydp.from_spark(rdd_of(spark, LabeledPoint(1.0, [0.5, 2.0]), LabeledPoint(0.0, [1.5, 3.0])))
    assert [(row["label"], list(row["features"])) for row in ds.take_all()] == [(1.0, [0.5, 2.0]), (0.0, [1.5, 3.0])]


def test_nulls_in_the_first_row(spark: SparkSession) -> None:
    assert rows(spark, (None, 1), ("a", 2)) == [{"_1": None, "_2": 1}, {"_1": "a", "_2": 2}]


def test_an_empty_rdd(spark: SparkSession) -> None:
    ds = raydp.from_spark(spark.sparkContext.emptyRDD(), "a int, b string")
    assert (ds.count(), ds.schema().names) == (0, ["a", "b"])
    with pytest.raises(InvalidArgumentError, match=r"RDD is empty, so its columns are unknown.*schema="):
        raydp.from_spark(spark.sparkContext.emptyRDD())


def test_an_rdd_that_spark_computes(spark: SparkSession) -> None:
    squares = spark.sparkContext.range(1000).map(lambda n: {"n": n, "square": n * n})
    ds = raydp.from_spark(squares, num_blocks=3)
    assert (ds.num_blocks(), ds.count()) == (3, 1000)
    assert ray.data.from_spark(squares).schema().names == ["n", "square"]


@pytest.mark.promised("from_spark", "UnsupportedTypeError")
@pytest.mark.parametrize(
    ("element", "advice"),
    [
        (7, "schema='bigint'"),
        ("text", "rdd.map"),
        (np.float64(1.5), "rdd.map"),
        (None, "rdd.map"),
        (pd.DataFrame({"a": [1]}), "frame.to_dict"),
        (np.zeros((2, 2)), r"rdd.flatMap\(lambda array: array\)"),
        (Vectors.dense([1.0]), "rdd.map"),
        ((), "at least one column"),
        ({"a": {1, 2}}, "Spark says"),
        ((None,), "Spark says"),
    ],
)
def test_elements_that_are_no_rows(spark: SparkSession, element: Any, advice: str) -> None:
    with pytest.raises(UnsupportedTypeError, match=advice):
        raydp.from_spark(rdd_of(spark, element, element))


@pytest.mark.promised("from_spark", "InvalidArgumentError")
@pytest.mark.parametrize("schema", [8, {"a": "int"}, [("a", "int")], [], "a int,, b", ["a", "b", "c"]])
def test_schemas_that_are_none(spark: SparkSession, schema: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="schema"):
        raydp.from_spark(rdd_of(spark, (1, 2)), schema)


def test_a_schema_for_a_frame(spark: SparkSession) -> None:
    with pytest.raises(InvalidArgumentError, match=r"schema is for RDDs.*num_blocks"):
        raydp.from_spark(spark.range(3), 8)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("elements", "schema", "reason"),
    [
        ([(1,), (2.5,)], None, "2.5"),
        ([{"a": 1}, "text"], None, "text"),
        ([np.array([2**63], "u8")], "a bigint", "9223372036854775808"),
        ([{"t": np.datetime64("2020-01-01T00:00:00.000000001")}], "t timestamp_ntz", "Round it first"),
        ([pd.DataFrame({"a": [1]})], "b int", "none of the columns"),
    ],
)
def test_a_row_that_does_not_fit_fails_the_conversion(
    spark: SparkSession, elements: list[Any], schema: Any, reason: str
) -> None:
    with pytest.raises(PySparkException, match=reason):
        raydp.from_spark(rdd_of(spark, *elements), schema)


def test_where_only_frames_work(spark: SparkSession) -> None:
    estimator = XGBoostEstimator({}, "y", feature_columns=["x"])
    with pytest.raises(NotADataFrameError, match=r"For an RDD, call rdd\.toDF\(\), or raydp\.from_spark\(rdd"):
        estimator.fit(rdd_of(spark, {"x": 1.0, "y": 2.0}))


def test_spark_s_python_workers_need_not_have_raydp() -> None:
    function = _row_maker(T.StructType([T.StructField("x", T.DoubleType())]))
    code = "import sys, pickle; sys.modules['raydp'] = None; print(pickle.load(sys.stdin.buffer)(({},)))"
    done = subprocess.run(
        [sys.executable, "-c", code.format("__import__('numpy').float32(1.5)")],
        input=cloudpickle.dumps(function),
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode().strip() == "(1.5,)"
