"""Frames whose columns and blocks are not what they seem: encoded, sparse, empty, of nulls, with look-alike names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import ray
import ray.data
from hypothesis import given
from hypothesis import strategies as st

from raydp._estimators.data.frames import wrap_frame
from raydp._estimators.data.plain_columns import find_common_types, read_plain_columns
from raydp._estimators.data.shards import split_rows
from raydp._exchange.types.canonical_types import to_canonical_schema
from raydp.errors import InvalidArgumentError, InvalidDataError, UnsupportedTypeError
from raydp.lightgbm import LightGBMEstimator
from raydp.xgboost import XGBoostEstimator
from support.arrow_data import rows_of
from support.datasets import block_refs
from support.foreign_data import FOREIGN_KINDS, Kind

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROWS = 60


def _is_plain(type_: pa.DataType) -> bool:
    """Whether estimators read such values: numbers, texts, and lists of numbers."""
    element = type_.value_type if pa.types.is_list(type_) else type_
    kinds = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_string)
    return any(kind(element) for kind in kinds)


@pytest.mark.parametrize(
    "kind", [kind for kind in FOREIGN_KINDS if _is_plain(kind.canonical)], ids=lambda kind: str(kind.found)
)
@given(data=st.data())
def test_every_way_to_store_a_column_is_read_plainly(kind: Kind, data: st.DataObject) -> None:
    rows = data.draw(kind.rows(5))
    table = pa.table({"c": kind.lay_out(rows)})
    plain = read_plain_columns(table, ["c", "lacking"])
    plain.validate(full=True)
    assert rows_of(plain.select(["c"])) == rows_of(pa.table({"c": pa.array(rows, kind.canonical)}))
    assert plain["lacking"].null_count == 5
    assert find_common_types([(table.schema, 5)], ["c"]).field("c").type == kind.canonical
    assert to_canonical_schema(table.schema).field("c").type == kind.canonical


@given(
    masks=st.lists(st.lists(st.booleans(), max_size=9).map(np.array), max_size=5),
    workers=st.integers(1, 4),
)
def test_workers_share_the_rows_that_are_left(masks: list[Any], workers: int) -> None:
    masks = [mask.astype(bool) for mask in masks]
    refs: Any = list(range(len(masks)))
    shards = split_rows(refs, [len(mask) for mask in masks], ["x"], workers, [m if m.any() else None for m in masks])
    read = [
        [(ref, row) for ref, start, count in shard.pieces for row in range(start, start + count) if not masks[ref][row]]
        for shard in shards
    ]
    assert [row for rows in read for row in rows] == [
        (ref, int(row)) for ref, mask in enumerate(masks) for row in np.flatnonzero(~mask)
    ]
    lengths = [len(rows) for rows in read]
    assert max(lengths) - min(lengths) <= 1


def uneven_blocks() -> list[pa.Table]:
    """Blocks of the same rows: labels and features in other types in each, missing, or of nulls only."""
    x = np.arange(ROWS, dtype=np.float64)
    kind = pa.array(np.where(x % 2 > 0, "odd", "even"))
    pair = pa.array([[value % 2, value] for value in x], pa.list_(pa.float64()))
    encoded = pa.table(
        {
            "x": pa.array(x).dictionary_encode(),
            "pair": pair.cast(pa.list_(pa.float64(), 2)),
            "kind": kind.dictionary_encode(),
        }
    )
    viewed = pa.table(
        {
            "kind": kind.cast(pa.large_string()),
            "pair": pair.cast(pa.large_list(pa.float64())),
            "x": pa.array(x, pa.int32()),
        }
    )
    return [
        pa.table({}),
        pa.table({"x": pa.nulls(ROWS), "kind": kind}),
        encoded,
        viewed,
        pa.table({"other": pa.array([], pa.date32())}),
    ]


def test_blocks_that_differ_are_learned_from_by_all_workers(ray_cluster: Any) -> None:
    dataset = ray.data.from_arrow(uneven_blocks())
    estimator = LightGBMEstimator(
        {"min_data_in_leaf": 1, "min_data_in_bin": 1},
        "kind",
        2,
        {"CPU": 1},
        num_boost_round=20,
        feature_columns=["pair", "x"],
        nulls="drop",
        seed=1,
    )
    # Without the rows that have nulls, the first worker would have none.
    assert estimator.fit(dataset).rows == 2 * ROWS
    assert estimator.classes == ["even", "odd"]
    tables = [table for table in ray.get(block_refs(estimator.predict(dataset))) if table.num_rows]
    # Blocks come in any order.
    without, *others = sorted(tables, key=lambda table: -table["prediction"].null_count)
    assert without["prediction"].null_count == ROWS
    assert [table["prediction"].to_pylist() for table in others] == [table["kind"].to_pylist() for table in others]
    assert estimator.evaluate(dataset)["accuracy"] == 1


def test_columns_of_a_dataset_are_those_of_all_blocks(ray_cluster: Any) -> None:
    rows = wrap_frame(ray.data.from_arrow(uneven_blocks()))
    assert set(rows.column_names()) == {"x", "kind", "pair", "other"}
    wanted = pa.schema({"x": pa.float64(), "kind": pa.string(), "pair": pa.list_(pa.field("element", pa.float64()))})
    assert rows.schema(["x", "kind", "pair"]) == wanted
    lazy = wrap_frame(ray.data.range(6, override_num_blocks=3).filter(lambda row: row["id"] >= 4))
    assert lazy.store(["id"]).schema == pa.schema({"id": pa.int64()})
    estimator = XGBoostEstimator({}, "y", feature_columns=["x"])
    later = ray.data.range(2, override_num_blocks=2).map(lambda r: {"y": r["id"], "x": r["id"] if r["id"] < 1 else "s"})
    with pytest.raises(UnsupportedTypeError, match=r"different types for one column.*Field x"):
        estimator.fit(later)
    day = pa.array([1], pa.date32())
    times = ray.data.from_arrow([pa.table({"y": [1.0], "x": [None]}), pa.table({"y": [1.0], "x": day})])
    with pytest.raises(InvalidDataError, match=r"Dates and timestamps: x \(date32"):
        estimator.fit(times)
    codes = pa.array([7, 8, 7]).dictionary_encode()
    marked = [pa.table({"c": pa.nulls(2), "n": [1, 2]}), pa.table({"c": codes, "n": codes})]
    assert wrap_frame(ray.data.from_arrow(marked)).store(["c", "n"]).categories == {"c"}


def test_arrays_of_arrays_are_their_numbers() -> None:
    images = [[[1, 2], [3, 4]], None, [[5, 6], [7, 8]]]
    fixed = pa.array(images, pa.list_(pa.list_(pa.float32(), 2), 2))
    table = pa.table({"image": pa.array(images), "fixed": fixed, "deep": [[[[1], [2]]]] * 3})
    flat = [[1, 2, 3, 4], None, [5, 6, 7, 8]]
    for some in (table, table[1:], table[:0]):
        expected = {"image": flat, "fixed": flat, "deep": [[1, 2]] * 3}
        start = len(table) - len(some)
        found = read_plain_columns(some, table.column_names).to_pydict()
        assert found == {name: values[start : start + len(some)] for name, values in expected.items()}
    types = find_common_types([(table.schema, 3)], ["image", "deep"]).types
    assert [type_.value_type for type_ in types] == [pa.int64(), pa.int64()]
    for ragged in ([[[1, 2, 3], [4]], [[1, 2], [3, 4]]], [[[1], None]]):
        with pytest.raises(InvalidDataError, match=r"such as the rows of an image.*Column image: lengths"):
            read_plain_columns(pa.table({"image": ragged}), ["image"])


def test_pandas_columns_that_arrow_or_ray_cannot_store(ray_cluster: Any) -> None:
    x = np.arange(ROWS) % 2
    frame = pd.DataFrame(
        {"x": pd.arrays.SparseArray(x), "n": pd.Categorical(x + 7), "kind": pd.Categorical(x.astype(str))}
    )
    of_ray = wrap_frame(ray.data.from_pandas(frame))
    assert of_ray.schema(["x", "n", "kind"]) == pa.schema({"x": pa.int64(), "n": pa.int64(), "kind": pa.string()})
    pairs = pa.ListViewArray.from_arrays(pa.array(x[:-1] * 0), pa.array(x[:-1] * 0 + 2), pa.array([1.5, 2.5]))
    frame = frame[:-1].assign(
        pair=pd.arrays.ArrowExtensionArray(pa.chunked_array([pairs])),
        kind=pd.arrays.ArrowExtensionArray(pa.chunked_array([pa.array(x[:-1].astype(str)).cast(pa.string_view())])),
    )
    estimator = XGBoostEstimator({"max_depth": 1}, "kind", num_boost_round=5)
    estimator.fit(frame)
    assert list(estimator.predict(frame)["prediction"]) == list(x[:-1].astype(str))
    of_ray = ray.data.from_pandas(frame[["x", "n"]].assign(pair=[[1.5, 2.5]] * len(frame), kind=x[:-1].astype(str)))
    result = estimator.predict(of_ray).to_pandas()
    assert list(result["prediction"]) == list(result["x"].astype(str)) == list(x[:-1].astype(str))
    assert estimator.evaluate(of_ray)["accuracy"] == 1


def test_spark_columns_whose_names_differ_only_in_case(spark: SparkSession) -> None:
    frame = spark.range(ROWS).selectExpr("id % 2 AS x", "id AS X", "cast(id % 2 AS double) AS y")
    estimator = XGBoostEstimator({"max_depth": 1}, "y", num_boost_round=20, feature_columns=["x", "X"])
    estimator.fit(frame)
    result = estimator.predict(frame)
    assert result.columns == ["x", "X", "y", "prediction"]
    rows = [tuple(row) for row in result.collect()]
    assert sorted((x, upper) for x, upper, _, _ in rows) == sorted((n % 2, n) for n in range(ROWS))
    assert all(abs(y - prediction) < 0.1 for _, _, y, prediction in rows)
    with pytest.raises(InvalidArgumentError, match=r"already has a column of this name.*Name: Y"):
        estimator.predict(frame, prediction_column="Y")
