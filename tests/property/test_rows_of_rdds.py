"""``from_spark`` of an RDD gives what it gives for ``spark.createDataFrame`` of the same RDD."""

from __future__ import annotations

from collections import namedtuple
from keyword import iskeyword
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, note
from hypothesis import strategies as st
from pyspark.sql import Row

import raydp
from support.arrow_data import rows_of
from support.datasets import table_of
from support.examples import fewer_examples
from support.spark_data import schemas, spark_rows, spark_types

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import SparkSession
    from pyspark.sql import types as T

pytestmark = [pytest.mark.timeout(3600), pytest.mark.classic]  # each example runs Spark jobs


def forms(names: list[str]) -> list[Callable[[tuple[Any, ...]], Any]]:
    """What an RDD may hold as a row, made of the row's values."""
    made: list[Callable[[tuple[Any, ...]], Any]] = [
        tuple,
        list,
        lambda values: Row(*names)(*values),
        lambda values: dict(zip(names, values, strict=True)),
    ]
    if all(name.isidentifier() and not name.startswith("_") and not iskeyword(name) for name in names):
        made.append(lambda values: namedtuple("Values", names)(*values))  # type: ignore[misc]
    return made


@fewer_examples()
@given(schema=schemas(spark_types(with_values=True)), choice=st.data())
def test_rows_with_a_schema(spark: SparkSession, schema: T.StructType, choice: Any) -> None:
    form = choice.draw(st.sampled_from(forms(schema.names)))
    values = st.tuples(*[spark_rows(field.dataType) for field in schema])
    elements = [form(row) for row in choice.draw(st.lists(values, max_size=6))]
    note(f"elements: {elements}")
    rdd = spark.sparkContext.parallelize(elements, 2)
    expected = table_of(raydp.from_spark(spark.createDataFrame(rdd, schema)))
    found = table_of(raydp.from_spark(rdd, schema))
    assert found.schema == expected.schema
    assert rows_of(found) == rows_of(expected)


_SIMPLE = [st.integers(-(2**63), 2**63 - 1), st.floats(), st.booleans(), st.text(max_size=4), st.binary(max_size=4)]
_VALUES = st.sampled_from([*_SIMPLE, *[st.lists(values, min_size=1, max_size=3) for values in _SIMPLE]])


@fewer_examples()
@given(columns=st.lists(_VALUES, min_size=1, max_size=3), choice=st.data())
def test_rows_with_inferred_columns(spark: SparkSession, columns: list[Any], choice: Any) -> None:
    form = choice.draw(st.sampled_from(forms([f"c{number}" for number in range(len(columns))])))
    first = choice.draw(st.tuples(*columns))
    others = choice.draw(st.lists(st.tuples(*[values | st.none() for values in columns]), max_size=4))
    elements = [form(row) for row in (first, *others)]
    note(f"elements: {elements}")
    schema = choice.draw(st.none() | st.just(["a name"]))
    rdd = spark.sparkContext.parallelize(elements, 2)
    expected = table_of(raydp.from_spark(spark.createDataFrame(rdd, schema)))
    found = table_of(raydp.from_spark(rdd, schema))
    assert found.schema == expected.schema
    assert rows_of(found) == rows_of(expected)
