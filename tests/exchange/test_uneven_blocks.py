"""Datasets whose blocks do not agree: blocks without rows or columns, of nulls only, with different keys and types.

Spark gets one schema for all of them, before any job starts.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import ray
import ray.data
from hypothesis import given, note
from hypothesis import strategies as st
from ray.data._internal.arrow_block import _BATCH_SIZE_PRESERVING_STUB_COL_NAME
from ray.data.expressions import col

import raydp
import raydp.spark
from raydp._exchange.types.block_schemas import unify_block_schemas
from raydp._ray.internals import PLACEHOLDER
from raydp.errors import InvalidArgumentError, UnsupportedTypeError
from support.datasets import executions
from support.examples import fewer_examples

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import DataFrame, Row, SparkSession

# Values that belong to one column: what Ray Data makes of them differs from block to block.
_COLUMNS: list[st.SearchStrategy[Any]] = [
    st.integers(-5, 5),
    st.sampled_from([0.5, -1.25, 3.0]),
    st.integers(-5, 5) | st.sampled_from([0.5, 3.0]),
    st.text("ab", max_size=3),
    st.booleans(),
    st.lists(st.none() | st.integers(0, 3), max_size=2),
    st.lists(st.none() | st.text("ab", max_size=1), max_size=2),
    st.fixed_dictionaries(
        {}, optional={"x": st.none() | st.integers(0, 3), "y": st.none() | st.text("ab", max_size=1)}
    ),
]
_EMPTY_BLOCKS: list[Any] = [
    pa.table({}),
    pd.DataFrame(),
    pd.DataFrame({"id": [], "c0": []}),
    pa.table({"c0": pa.array([], pa.date32()), "c1": pa.array([], pa.binary())}),
    pa.table({"other": pa.array([], pa.duration("s"))}),
]


@st.composite
def _rows(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Rows of a block; a key may be missing from some of them, or from all."""
    columns = draw(st.shared(st.lists(st.sampled_from(_COLUMNS), min_size=1, max_size=3), key="columns"))
    optional = {f"c{number}": st.none() | values for number, values in enumerate(columns)}
    return draw(st.lists(st.fixed_dictionaries({"id": st.integers(0, 99)}, optional=optional), max_size=4))


def _block(rows: list[dict[str, Any]], *, pandas: bool) -> Any:
    columns = {name: [row.get(name) for row in rows] for name in dict.fromkeys(name for row in rows for name in row)}
    return pd.DataFrame(columns) if pandas else pa.table(columns)


def _plain(value: Any) -> Any:
    """A value without what a block cannot know: keys that other blocks have, and which numbers are whole."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in sorted(value.items()) if one is not None}
    if isinstance(value, list | np.ndarray):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and np.isnan(value) else value


def _collected(df: DataFrame) -> list[dict[str, Any]]:
    rows: list[Row] = df.collect()
    return [_plain(row.asDict(recursive=True)) for row in rows]


@fewer_examples()
@given(
    found=st.lists(st.tuples(_rows(), st.booleans()), min_size=1, max_size=4),
    empty=st.lists(st.tuples(st.integers(0, 4), st.sampled_from(_EMPTY_BLOCKS)), max_size=2),
)
def test_rows_in_blocks_that_differ_come_through(
    spark: SparkSession, found: list[tuple[list[dict[str, Any]], bool]], empty: list[tuple[int, Any]]
) -> None:
    blocks = [_block(rows, pandas=pandas) for rows, pandas in found]
    for place, block in empty:
        blocks.insert(place, block)
    wanted = [_plain(row) for rows, _ in found for row in rows]
    declared = next((block.schema for block in blocks if isinstance(block, pa.Table)), None)
    refs = [ray.put(block) for block in blocks]
    if not wanted:
        return
    df = raydp.spark.ray_dataset_to_spark_dataframe(spark, declared, refs)
    note(f"blocks: {blocks}, schema: {df.schema.simpleString()}")
    assert set(df.columns) == {name for rows, _ in found for row in rows for name in row}
    assert _collected(df) == wanted


WAYS: dict[str, Callable[[ray.data.Dataset, SparkSession], DataFrame]] = {
    "raydp.to_spark": raydp.to_spark,
    "Dataset.to_spark": lambda ds, spark: ds.to_spark(spark),
    "register": lambda ds, spark: (raydp.register(ds, "uneven"), spark.table("ray.uneven"))[1],
}


@pytest.fixture(params=list(WAYS))
def read(request: pytest.FixtureRequest, spark: SparkSession) -> Any:
    yield lambda ds: WAYS[request.param](ds, spark)
    with contextlib.suppress(InvalidArgumentError):  # not registered
        raydp.unregister("uneven")


def test_ray_pipelines_with_blocks_that_differ(read: Callable[[ray.data.Dataset], DataFrame]) -> None:
    numbers = ray.data.range(6, override_num_blocks=3)
    texts = pa.array(["x", None])

    def of_nulls_at_first(batch: pa.Table) -> pa.Table:
        return pa.table({"a": pa.nulls(2) if batch["id"][0].as_py() == 0 else texts})

    filtered = read(numbers.filter(lambda row: row["id"] >= 4))
    assert filtered.columns == ["id"]
    assert sorted(row.id for row in filtered.collect()) == [4, 5]
    nulls_first = read(numbers.map_batches(of_nulls_at_first, batch_format="pyarrow").materialize())
    assert nulls_first.schema.simpleString() == "struct<a:string>"
    assert sorted(row.a or "" for row in nulls_first.collect()) == ["", "", "", "", "x", "x"]


def test_items_with_different_keys(read: Callable[[ray.data.Dataset], DataFrame]) -> None:
    items = [{"d": None}, {"d": {"x": 1}, "n": 1}, {"d": {"y": "s"}, "n": 0.5}, {"n": None, "l": []}, {"l": ["s"]}]
    df = read(ray.data.from_items(items, override_num_blocks=5))
    assert df.schema.simpleString() == "struct<d:struct<x:bigint,y:string>,n:double,l:array<string>>"
    assert _collected(df) == [_plain(item) for item in items]


def test_a_dataset_of_no_rows_keeps_its_columns_if_ray_knows_them(
    read: Callable[[ray.data.Dataset], DataFrame],
) -> None:
    df = read(ray.data.range(4, override_num_blocks=2).filter(expr=col("id") > 9))
    assert df.columns == ["id"]
    assert df.collect() == []


def test_a_dataset_of_which_nothing_is_known_is_refused(read: Callable[[ray.data.Dataset], DataFrame]) -> None:
    nothing = ray.data.range(4, override_num_blocks=2).filter(lambda row: row["id"] > 9).materialize()
    with pytest.raises(InvalidArgumentError, match=r"no rows and no schema.*filter with an expression"):
        read(nothing)
    with pytest.raises(InvalidArgumentError, match="no columns"):
        read(ray.data.range(4).select_columns([]).materialize())


def test_types_without_a_common_one_are_refused_before_a_job(spark: SparkSession) -> None:
    with pytest.raises(UnsupportedTypeError, match=r"different types for one column.*Field a"):
        raydp.to_spark(ray.data.from_items([{"a": "x"}, {"a": 1}], override_num_blocks=2), spark)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pa.decimal128(38, 0), pa.decimal128(38, 38)),
        (pa.decimal128(38, 38), pa.decimal128(38, 0)),
        (pa.decimal128(38, 30), pa.int64()),
        (pa.list_(pa.decimal128(38, 10)), pa.list_(pa.decimal128(38, 20))),
        (pa.struct([("x", pa.decimal128(30, 0))]), pa.struct([("x", pa.decimal128(30, 20))])),
    ],
)
def test_decimals_that_together_need_more_digits_than_spark_has_are_refused(
    one: pa.DataType, other: pa.DataType
) -> None:
    blocks = [(pa.schema([pa.field("a", type_)]), 1) for type_ in (one, other, pa.null())]
    with pytest.raises(UnsupportedTypeError, match=r"different types for one column.*enough digits.*column 'a', types"):
        unify_block_schemas(blocks, None)


def test_decimals_with_a_common_type_become_it() -> None:
    types = (pa.decimal128(38, 18), pa.decimal128(20, 2), pa.int64(), pa.decimal256(76, 10))
    blocks = [(pa.schema([pa.field("a", type_)]), 1) for type_ in types]
    assert unify_block_schemas(blocks[:3], None).field("a").type == pa.decimal128(38, 18)
    assert unify_block_schemas(blocks[3:], None).field("a").type == pa.decimal128(38, 10)


def test_metadata_of_blocks_with_values_counts() -> None:
    years = pa.field("a", pa.int32(), metadata={"raydp.spark_type": '"interval year"'})
    nulls = pa.schema([pa.field("a", pa.null())])
    assert unify_block_schemas([(nulls, 1), (pa.schema([years]), 1)], None).field("a").metadata == years.metadata
    plain = pa.schema([pa.field("a", pa.int32())])
    assert unify_block_schemas([(plain, 1), (pa.schema([years]), 1)], None).field("a").metadata is None


def test_the_placeholder_is_the_one_of_ray() -> None:
    assert PLACEHOLDER == _BATCH_SIZE_PRESERVING_STUB_COL_NAME


def test_stored_blocks_are_taken_without_an_execution(spark: SparkSession) -> None:
    frame = pd.DataFrame({"a": [1, 2]})
    stored = [
        ray.data.from_spark(spark.range(2).withColumnRenamed("id", "a")),
        ray.data.from_items([{"a": 1}, {"a": 2}]),
        ray.data.from_pandas(frame),
        ray.data.from_arrow(pa.Table.from_pandas(frame)),
        ray.data.range(2).rename_columns({"id": "a"}).materialize(),
    ]
    before = [executions(dataset) for dataset in stored]
    for dataset in stored:
        assert raydp.to_spark(dataset, spark).agg({"a": "max"}).collect()[0][0] in (1, 2)
        raydp.register(dataset, "stored")
        assert spark.table("ray.stored").count() == 2
    raydp.unregister("stored")
    own = stored[0]
    assert own.to_spark(spark).count() == 2
    assert sorted(row["a"] for row in own.iter_rows()) == [0, 1]
    assert [executions(dataset) for dataset in stored] == before
