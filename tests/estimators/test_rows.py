"""Rows are neither lost nor mixed up: on their way to workers, into matrices, and through predict."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import ray
import ray.data
from hypothesis import given, settings
from hypothesis import strategies as st

from raydp._estimators import metrics
from raydp._estimators.configuration import configure
from raydp._estimators.data.frames import StoredBlocks, wrap_frame
from raydp._estimators.data.labels import find_classes
from raydp._estimators.data.layout import Layout, select_columns
from raydp._estimators.data.matrices import build_feature_matrix
from raydp._estimators.data.missing import find_incomplete_rows
from raydp._estimators.data.plain_columns import read_plain_columns
from raydp._estimators.data.shards import split_rows
from raydp._estimators.data.statistics import collect_statistics
from raydp.errors import InvalidDataError
from raydp.xgboost import XGBoostEstimator

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FEATURES = ["x", "n"]
NUMBERS: dict[pa.DataType, st.SearchStrategy[Any]] = {
    pa.float64(): st.floats(width=64) | st.none(),
    pa.float32(): st.floats(width=32) | st.none(),
    pa.int64(): st.integers(-(2**50), 2**50) | st.none(),
    pa.int8(): st.integers(-128, 127) | st.none(),
    pa.bool_(): st.booleans() | st.none(),
    pa.decimal128(10, 2): st.decimals(-1000, 1000, places=2) | st.none(),
}


@pytest.fixture(scope="module")
def fitted(ray_cluster: Any, rows: pd.DataFrame) -> XGBoostEstimator:
    estimator = XGBoostEstimator({"max_depth": 4}, "y", feature_columns=FEATURES, num_boost_round=3)
    estimator.fit(rows)
    return estimator


@settings(max_examples=6)
@given(partitions=st.integers(1, 9), low=st.integers(0, 250), key=st.sampled_from(["id", "kind", "n"]))
def test_predict_keeps_row_identity_for_any_partitioning(
    spark: SparkSession, fitted: XGBoostEstimator, rows: pd.DataFrame, partitions: int, low: int, key: str
) -> None:
    # By key: partitions of very different sizes, some of them empty.
    some = rows[rows["id"] >= low]
    frame = spark.createDataFrame(rows).where(f"id >= {low}").repartition(partitions, key)
    predicted = fitted.predict(frame)
    assert predicted.columns == [*rows.columns, "prediction"]
    expected = fitted.predict(some)["prediction"] if len(some) else []
    wanted = {(*row, value) for row, value in zip(some.itertuples(index=False, name=None), expected, strict=True)}
    found = [tuple(row) for row in predicted.collect()]
    assert set(found) == wanted
    assert len(found) == len(some)


@given(sizes=st.lists(st.integers(0, 9), max_size=8), workers=st.integers(1, 5))
def test_each_row_goes_to_one_worker_in_order(ray_cluster: Any, sizes: list[int], workers: int) -> None:
    bounds = np.cumsum([0, *sizes])
    tables = [pa.table({"id": range(low, low + size), "other": [0] * size}) for low, size in zip(bounds, sizes)]  # noqa: B905
    shards = split_rows([ray.put(table) for table in tables], sizes, ["id"], workers)
    dealt = [[row["id"] for table in shard.tables() for row in table.to_pylist()] for shard in shards]
    assert [row for shard in dealt for row in shard] == list(range(sum(sizes)))
    assert [len(rows) for rows in dealt] == [shard.rows for shard in shards]
    assert max(map(len, dealt)) - min(map(len, dealt)) <= 1


@st.composite
def tables(draw: st.DrawFn) -> tuple[pa.Table, list[int]]:
    types = draw(st.lists(st.sampled_from(list(NUMBERS)), min_size=1, max_size=4))
    count = draw(st.integers(0, 12))
    columns, widths = {}, []
    for index, type_ in enumerate(types):
        width = draw(st.integers(0, 3))
        cells = st.lists(NUMBERS[type_], min_size=width, max_size=width) | st.none() if width else NUMBERS[type_]
        values = draw(st.lists(cells, min_size=count, max_size=count))
        columns[f"c{index}"] = pa.array(values, pa.list_(type_) if width else type_)
        widths.append(width or 1)
    cut = draw(st.integers(0, count))
    whole = pa.table(columns)
    return pa.concat_tables([whole[:cut], whole[cut:]]), widths


@given(found=tables(), fill=st.none() | st.floats(-5, 5))
def test_matrices_hold_the_values_of_the_rows(found: tuple[pa.Table, list[int]], fill: float | None) -> None:
    table, widths = found
    matrix = build_feature_matrix(table, table.column_names, widths, fill=fill, dtype=np.float64)
    missing = math.nan if fill is None else fill
    expected = []
    for row in table.to_pylist():
        cells: list[Any] = []
        for value, width, type_ in zip(row.values(), widths, table.schema.types, strict=True):
            is_list = pa.types.is_list(type_)
            cells += ([None] * width if value is None else value) if is_list else [value]
        expected.append([missing if c is None or math.isnan(c) else float(c) for c in cells])
    # Arrow's conversion of decimals may be off by one unit in the last place.
    np.testing.assert_allclose(matrix, np.array(expected).reshape(table.num_rows, sum(widths)), rtol=2.3e-16, atol=0)
    assert matrix.flags.c_contiguous


@given(found=tables())
def test_statistics_count_what_is_missing(ray_cluster: Any, found: tuple[pa.Table, list[int]]) -> None:
    table, widths = found
    blocks = StoredBlocks((ray.put(table), ray.put(table[:2])), table.schema, table.nbytes)
    counted = collect_statistics(blocks, table.column_names, label=None, weight=None)
    missing = [
        np.isnan(build_feature_matrix(t, t.column_names, widths, dtype=np.float64)).any(axis=1)
        for t in (table, table[:2])
    ]
    for part, rows in zip((table, table[:2]), missing, strict=True):
        np.testing.assert_array_equal(find_incomplete_rows(part, part.column_names), rows)
    assert counted.rows == [table.num_rows, min(table.num_rows, 2)]
    assert counted.incomplete == [int(rows.sum()) for rows in missing]
    for name, width in zip(table.column_names, widths, strict=True):
        rows = np.concatenate(
            [
                np.isnan(build_feature_matrix(t, [name], [width], dtype=np.float64)).any(axis=1)
                for t in (table, table[:2])
            ]
        )
        assert counted.missing.get(name, 0) == int(rows.sum())


def test_tensors_are_arrays(ray_cluster: Any) -> None:
    values = np.arange(12, dtype=np.float32).reshape(3, 2, 2)
    values[1, 1, 0] = math.nan
    rows = wrap_frame(ray.data.from_numpy(values))
    assert select_columns(rows, configure(None, 1, None, {"feature_columns": ["data"]}, handles_missing=True)) == (
        ["data"],
        [],
    )
    blocks = rows.store(["data"])
    counted = collect_statistics(blocks, ["data"], label=None, weight=None)
    assert (counted.lengths, counted.missing) == ({"data": (4, 4)}, {"data": 1})
    tables = [read_plain_columns(ray.get(ref), ["data"]) for ref in blocks.refs]
    matrices = [build_feature_matrix(table, ["data"], [4]) for table in tables]
    np.testing.assert_array_equal(np.concatenate(matrices), values.reshape(3, 4))


def test_pandas_names_that_are_no_strings_and_categories() -> None:
    frame = pd.DataFrame({1: [1.5, 2.5], 2: pd.Categorical(["a", "b"]), "2.0": pd.Categorical([7, 8])})
    rows = wrap_frame(frame)
    assert rows.column_names() == ["1", "2", "2.0"]
    assert rows.schema(["2", "1", "2.0"]) == pa.schema({"2": pa.string(), "1": pa.float64(), "2.0": pa.int64()})
    assert rows.table(["2.0", "2"]).to_pydict() == {"2.0": [7, 8], "2": ["a", "b"]}


def test_names_that_a_framework_cannot_use() -> None:
    assert Layout(("v", "x y"), (2, 1), None, None).usable_names("[]") == ["v_0", "v_1", "x y"]
    assert Layout(("v", "v_1"), (2, 1), None, None).usable_names("[]") is None
    assert Layout(("x y", "x_y"), (1, 1), None, None).usable_names("[]") is None
    assert Layout(("x[0]",), (1,), None, None).usable_names("[]") is None


@given(
    labels=st.lists(st.text(max_size=3) | st.sampled_from("ab"), min_size=2).filter(lambda found: len(set(found)) > 1)
)
def test_labels_come_back(labels: list[str]) -> None:
    classes = find_classes(set(labels), pa.string(), "label")
    encoded = classes.encode(pa.chunked_array([labels]))
    assert classes.decode(encoded).to_pylist() == labels
    assert [sorted(set(labels))[int(code)] for code in encoded] == labels
    with pytest.raises(InvalidDataError, match="not trained with these labels"):
        classes.encode(pa.chunked_array([["".join(labels) + "?"]]))


@st.composite
def scored(draw: st.DrawFn) -> tuple[Any, Any, Any, list[int]]:
    count = draw(st.integers(2, 30))
    scores = draw(st.lists(st.integers(1, 19), min_size=count, max_size=count))
    labels = draw(st.lists(st.integers(0, 1), min_size=count, max_size=count).filter(lambda found: len(set(found)) > 1))
    weights = draw(st.lists(st.integers(1, 5), min_size=count, max_size=count))
    cuts = draw(st.lists(st.integers(0, count), max_size=3).map(sorted))
    return np.array(scores) / 20, np.array(labels, float), np.array(weights, float), cuts


@given(found=scored())
def test_metrics_of_parts_are_scikit_learns_of_the_whole(found: tuple[Any, Any, Any, list[int]]) -> None:
    from sklearn.metrics import (
        accuracy_score,
        log_loss,
        mean_absolute_error,
        mean_squared_error,
        r2_score,
        roc_auc_score,
    )

    scores, labels, weights, cuts = found
    parts = [np.split(values, cuts) for values in (scores, labels, weights)]

    def merged(classes: int | None) -> dict[str, float]:
        sums = [metrics.compute_sums(s, y, w, classes=classes) for s, y, w in zip(*parts, strict=True) if len(s)]
        return metrics.compute_metrics(sums, classes=classes)

    assert merged(2) == pytest.approx(
        {
            "accuracy": accuracy_score(labels, scores > 0.5, sample_weight=weights),
            "logloss": log_loss(labels, scores, sample_weight=weights),
            "auc": roc_auc_score(labels, scores, sample_weight=weights),
        }
    )
    assert merged(None) == pytest.approx(
        {
            "rmse": math.sqrt(mean_squared_error(labels, scores, sample_weight=weights)),
            "mae": mean_absolute_error(labels, scores, sample_weight=weights),
            "r2": r2_score(labels, scores, sample_weight=weights),
        }
    )
