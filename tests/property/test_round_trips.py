"""Spark to Ray to Spark, and Ray to Spark to Ray, give back what went in.

Up to what ``docs`` state: a time zone's name becomes UTC, unsigned, half-wide and 64-bit-offset types
are widened to the ones that Spark has, and every column becomes nullable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import ray
from hypothesis import given, note
from hypothesis import strategies as st

import raydp
import raydp.spark
from raydp._exchange.spark_types import arrow_schema, spark_schema
from support.arrow_data import canonical_types, plain_rows, rows_of
from support.datasets import table_of
from support.foreign_data import Blocks, blocks

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


@given(found=st.booleans().flatmap(lambda foreign: blocks(foreign=foreign)))
def test_ray_to_spark_to_ray(spark: SparkSession, found: Blocks) -> None:
    note(f"canonical schema: {found.canonical}")
    refs = [ray.put(table) for table in found.tables]
    df = raydp.spark.ray_dataset_to_spark_dataframe(spark, found.schema, refs)
    assert arrow_schema(df.schema) == found.canonical
    dataset = raydp.from_spark(df)
    result = table_of(dataset)
    assert result.schema == found.canonical
    assert dataset.schema().base_schema == found.canonical
    assert rows_of(result) == rows_of(found.expected)
    assert dataset.count() == found.expected.num_rows


@given(found=blocks(), choice=st.data())
def test_ray_to_spark_reads_any_columns_in_any_order(spark: SparkSession, found: Blocks, choice: Any) -> None:
    names = choice.draw(st.lists(st.sampled_from(found.schema.names), min_size=1, unique=True))
    df = raydp.spark.ray_dataset_to_spark_dataframe(spark, found.schema, [ray.put(table) for table in found.tables])
    result = table_of(raydp.from_spark(df.select([_quoted(name) for name in names])))
    assert rows_of(result) == rows_of(found.expected.select(names))
    assert df.count() == found.expected.num_rows


@st.composite
def _frames(draw: st.DrawFn) -> tuple[pa.Schema, list[tuple[Any, ...]], int]:
    types = draw(st.lists(canonical_types(max_leaves=4), min_size=1, max_size=4))
    schema = pa.schema([(f"c{index}", type_) for index, type_ in enumerate(types)])
    rows = draw(st.lists(st.tuples(*[plain_rows(type_) for type_ in types]), max_size=12))
    return schema, rows, draw(st.integers(1, 5))


@given(frame=_frames())
def test_spark_to_ray_to_spark(spark: SparkSession, frame: tuple[pa.Schema, list[tuple[Any, ...]], int]) -> None:
    schema, rows, partitions = frame
    # More partitions than rows leave some of them empty.
    df = spark.createDataFrame(rows, spark_schema(schema)).repartition(partitions).cache()
    try:
        dataset = raydp.from_spark(df)
        back = raydp.to_spark(dataset, spark)
        assert back.schema == spark_schema(schema)
        assert _collected(back) == _collected(df)
        # Spark's own way to Arrow is another implementation of the same mapping.
        assert rows_of(table_of(dataset)) == rows_of(df.toArrow().cast(schema))
    finally:
        df.unpersist()


def _collected(df: DataFrame) -> list[str]:
    return [repr(row) for row in df.collect()]


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
