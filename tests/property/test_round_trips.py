"""Spark to Ray to Spark, and Ray to Spark to Ray, give back what went in.

Up to what ``docs/types.md`` states: a time zone's name becomes UTC, what Ray's blocks hold besides Spark's types
is decoded and widened to them, and every column becomes nullable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
import ray
from hypothesis import given, note, settings
from hypothesis import strategies as st
from pyspark.sql.types import ArrayType, MapType, StructType

import raydp
import raydp.spark
from raydp._exchange.types.spark_types import to_arrow_schema
from support.arrow_data import rows_of
from support.datasets import table_of
from support.examples import fewer_examples
from support.foreign_data import FOREIGN_KINDS, Blocks, blocks, can_be_stored
from support.spark_data import schemas, spark_rows, spark_types

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql import types as T

_PRUNING = "spark.sql.optimizer.nestedSchemaPruning.enabled"

pytestmark = pytest.mark.timeout(3600)  # each example runs Spark jobs


@fewer_examples()
@given(found=st.booleans().flatmap(lambda foreign: blocks(foreign=foreign, stored=True)))
def test_ray_to_spark_to_ray(spark: SparkSession, found: Blocks) -> None:
    note(f"canonical schema: {found.canonical}")
    refs = [ray.put(table) for table in found.tables]
    df = raydp.spark.ray_dataset_to_spark_dataframe(spark, found.schema, refs)
    assert to_arrow_schema(df.schema) == found.canonical
    dataset = raydp.from_spark(df)
    result = table_of(dataset)
    assert result.schema == found.canonical
    assert dataset.schema().base_schema == found.canonical
    assert rows_of(result) == rows_of(found.expected)
    assert dataset.count() == found.expected.num_rows


@settings(max_examples=2)
@given(choice=st.data())
def test_all_types_of_blocks_in_one_frame(spark: SparkSession, choice: Any) -> None:
    found = [kind for kind in FOREIGN_KINDS if can_be_stored(kind.found)]
    rows = [choice.draw(kind.rows(3)) for kind in found]
    names = [f"c{number}" for number in range(len(found))]
    table = pa.table([kind.lay_out(column) for kind, column in zip(found, rows, strict=True)], names)
    df = raydp.spark.ray_dataset_to_spark_dataframe(spark, table.schema, [ray.put(table)])
    wanted = pa.table([pa.array(column, kind.canonical) for kind, column in zip(found, rows, strict=True)], names)
    assert rows_of(table_of(raydp.from_spark(df))) == rows_of(wanted)


@fewer_examples()
@given(found=blocks(), choice=st.data())
def test_ray_to_spark_reads_any_columns_in_any_order(spark: SparkSession, found: Blocks, choice: Any) -> None:
    names = choice.draw(st.lists(st.sampled_from(found.schema.names), min_size=1, unique=True))
    df = raydp.spark.ray_dataset_to_spark_dataframe(spark, found.schema, [ray.put(table) for table in found.tables])
    result = table_of(raydp.from_spark(df.select([_quoted(name) for name in names])))
    assert rows_of(result) == rows_of(found.expected.select(names))
    assert df.count() == found.expected.num_rows


@st.composite
def _paths(draw: st.DrawFn, schema: T.StructType) -> str:
    """An expression that goes into a column as deep as it likes."""
    field = draw(st.sampled_from(schema.fields))
    expression, type_ = _quoted(field.name), field.dataType
    while draw(st.integers(0, 4)):
        element = type_.elementType if isinstance(type_, ArrayType) else type_
        if isinstance(element, StructType) and element.fields:
            field = draw(st.sampled_from(element.fields))
            expression += "." + _quoted(field.name)
            type_ = ArrayType(field.dataType) if isinstance(type_, ArrayType) else field.dataType
        elif isinstance(type_, MapType):
            expression, type_ = f"map_values({expression})", ArrayType(type_.valueType)
        else:
            break
    return expression


@fewer_examples()
@given(found=blocks(), choice=st.data())
def test_parts_of_nested_columns_are_those_of_the_whole(spark: SparkSession, found: Blocks, choice: Any) -> None:
    df = raydp.spark.ray_dataset_to_spark_dataframe(spark, found.schema, [ray.put(table) for table in found.tables])
    paths = choice.draw(st.lists(_paths(df.schema), min_size=1, max_size=3))
    note(f"paths: {paths} of {df.schema.simpleString()}")
    parts = df.selectExpr(*(f"{path} AS c{number}" for number, path in enumerate(paths)))
    found_with = {}
    for pruning in ("true", "false"):
        spark.conf.set(_PRUNING, pruning)
        try:
            found_with[pruning] = table_of(raydp.from_spark(parts.select("*")))
        finally:
            spark.conf.unset(_PRUNING)
    assert found_with["true"].schema == found_with["false"].schema
    assert rows_of(found_with["true"]) == rows_of(found_with["false"])


@st.composite
def _frames(draw: st.DrawFn) -> tuple[T.StructType, list[tuple[Any, ...]], int]:
    schema = draw(schemas(spark_types(with_values=True, max_leaves=4), max_fields=4))
    rows = draw(st.lists(st.tuples(*[spark_rows(field.dataType) for field in schema]), max_size=12))
    return schema, rows, draw(st.integers(1, 5))


@fewer_examples()
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
            assert rows_of(table_of(dataset)) == rows_of(df.toArrow().cast(to_arrow_schema(schema)))
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
