"""Spark to Ray to Spark, and Ray to Spark to Ray, give back what went in.

Up to what ``docs/types.md`` states: a time zone's name becomes UTC, what Ray's blocks hold beside Spark's types
is decoded and widened to them, and every column becomes nullable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import ray
from hypothesis import given, note
from hypothesis import strategies as st

import raydp
import raydp.spark
from raydp._exchange.spark_types import arrow_schema
from support.arrow_data import rows_of
from support.datasets import table_of
from support.foreign_data import Blocks, blocks
from support.spark_data import schemas, spark_rows, spark_types

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql import types as T

pytestmark = pytest.mark.timeout(3600)  # each example runs Spark jobs


@given(found=st.booleans().flatmap(lambda foreign: blocks(foreign=foreign, stored=True)))
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
def _frames(draw: st.DrawFn) -> tuple[T.StructType, list[tuple[Any, ...]], int]:
    schema = draw(schemas(spark_types(with_values=True, max_leaves=4), max_fields=4))
    rows = draw(st.lists(st.tuples(*[spark_rows(field.dataType) for field in schema]), max_size=12))
    return schema, rows, draw(st.integers(1, 5))


@given(frame=_frames())
def test_spark_to_ray_to_spark(spark: SparkSession, frame: tuple[T.StructType, list[tuple[Any, ...]], int]) -> None:
    schema, rows, partitions = frame
    note(f"schema: {schema}")
    # More partitions than rows leave some of them empty.
    df = spark.createDataFrame(rows, schema).repartition(partitions).cache()
    try:
        dataset = raydp.from_spark(df, tensor_columns=[])
        back = raydp.to_spark(dataset, spark)
        assert back.schema == schema
        assert _collected(back) == _collected(df)
        if all(_arrow_of_pyspark_holds(field.dataType) for field in schema):
            # Spark's own way to Arrow is another implementation of the same mapping.
            assert rows_of(table_of(dataset)) == rows_of(df.toArrow().cast(arrow_schema(schema)))
    finally:
        df.unpersist()


def _arrow_of_pyspark_holds(type_: T.DataType) -> bool:
    """PySpark's way to Arrow fails on variants, vectors and matrices that are null, and on nested columns of nulls."""
    text = type_.simpleString()
    nested = text != type_.typeName()
    return not any(name in text for name in ("variant", "vector", "matrix", *(["void"] if nested else [])))


def _collected(df: DataFrame) -> list[str]:
    return [repr(row) for row in df.collect()]


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
