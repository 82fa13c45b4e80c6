"""Values of Ray's blocks become canonical ones exactly, or an error says which do not. No cluster needed."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ray.data.extensions import ArrowPythonObjectType

from raydp._exchange.types.canonical_types import to_canonical_schema
from raydp._exchange.types.columns import to_canonical_columns, to_struct_arrays
from raydp._exchange.types.spark_types import to_arrow_schema, to_spark_schema
from raydp.errors import DataLossError, InvalidArgumentError, UnsupportedTypeError
from support.arrow_data import canonical_types, rows_of
from support.foreign_data import FOREIGN_KINDS, Blocks, Kind, blocks
from support.spark_data import schemas, spark_types

if TYPE_CHECKING:
    from pyspark.sql import types as T


@given(st.lists(canonical_types(), min_size=1, max_size=4))
def test_canonical_types_and_spark_types_are_one_to_one(types: list[pa.DataType]) -> None:
    schema = pa.schema([(f"c{index}", type_) for index, type_ in enumerate(types)])
    assert to_canonical_schema(schema) == schema
    assert to_arrow_schema(to_spark_schema(schema)) == schema


@given(schemas(spark_types()))
def test_spark_schemas_come_back_with_every_detail(schema: T.StructType) -> None:
    assert to_spark_schema(to_canonical_schema(to_arrow_schema(schema))) == schema


@given(blocks(foreign=True))
def test_foreign_schemas_become_canonical(found: Blocks) -> None:
    assert to_canonical_schema(found.schema) == found.canonical


@given(st.booleans().flatmap(lambda foreign: blocks(foreign=foreign)))
def test_columns_keep_their_values(found: Blocks) -> None:
    for table, wanted in zip(found.tables, found.wanted, strict=True):
        columns = to_canonical_columns(table, list(found.canonical))
        pieces = to_struct_arrays(columns, found.canonical.names, table.num_rows)
        batches = [pa.RecordBatch.from_struct_array(piece) for piece in pieces]
        result = pa.Table.from_batches(batches)
        assert result.schema.equals(found.canonical)
        result.validate(full=True)
        assert rows_of(result) == rows_of(wanted)


@given(st.integers(0, 5), st.integers(2**63, 2**64 - 1), st.integers(0, 5))
def test_too_large_unsigned_numbers_are_named(before: int, value: int, after: int) -> None:
    table = pa.table({"n": pa.array([1] * before + [value] + [None] * after, pa.uint64())})
    with pytest.raises(DataLossError, match=rf"column 'n', type uint64, type for Spark int64, for example {value}$"):
        to_canonical_columns(table, [pa.field("n", pa.int64())])


@given(st.integers(-(2**62), 2**62).filter(lambda nanos: nanos % 1000))
def test_nanoseconds_are_never_cut(nanos: int) -> None:
    table = pa.table({"t": pa.array([[0], None, [nanos]], pa.list_(pa.timestamp("ns")))})
    with pytest.raises(DataLossError, match=r"column 't\[\]', type timestamp\[ns\]"):
        to_canonical_columns(table, list(to_canonical_schema(table.schema)))


def test_parts_of_microseconds_in_intervals_are_never_cut() -> None:
    found = pa.array([None, (1, 2, 3_000), (1, 2, 3_001)], pa.month_day_nano_interval())
    table = pa.table({"t": pa.StructArray.from_arrays([found], ["i"])})
    with pytest.raises(DataLossError, match=r"column 't', an interval has a fraction of a microsecond.*3001"):
        to_canonical_columns(table, list(to_canonical_schema(table.schema)))


@pytest.mark.parametrize(
    "nanos", [-1, 86_400_000_000_000, 2**62], ids=["before midnight", "at the next midnight", "far beyond"]
)
def test_times_beyond_a_day_are_refused(nanos: int) -> None:
    times = pa.array([[0], [None, nanos]], pa.list_(pa.time64("ns")))
    with pytest.raises(DataLossError, match=rf"column 't\[\]', for example {nanos} ns$"):
        to_canonical_columns(pa.table({"t": times}), [pa.field("t", times.type)])


@pytest.mark.parametrize("kind", FOREIGN_KINDS, ids=lambda kind: str(kind.found))
@given(data=st.data())
@settings(max_examples=5)
def test_each_foreign_type_becomes_canonical(kind: Kind, data: st.DataObject) -> None:
    rows = data.draw(kind.rows(6))
    table = pa.table({"c": kind.lay_out(rows)})
    assert table.schema.field("c").type == kind.found
    schema = to_canonical_schema(table.schema)
    assert schema.field("c").type == kind.canonical
    (column,) = to_canonical_columns(table, list(schema))
    column.validate(full=True)
    assert rows_of(pa.table({"c": column})) == rows_of(pa.table({"c": pa.array(rows, kind.canonical)}))


@pytest.mark.parametrize(
    ("type_", "shown"),
    [
        (pa.decimal256(76, 40), "decimal256"),
        (pa.decimal128(38, -2), "decimal128"),
        (pa.sparse_union([pa.field("a", pa.int8())]), "sparse_union"),
        (pa.dense_union([pa.field("a", pa.int8())]), "dense_union"),
        (pa.opaque(pa.binary(), "point", "someone"), "opaque"),
        (ArrowPythonObjectType(), "arrow_pickled_object"),
    ],
)
def test_unsupported_types_name_the_column_and_the_type(type_: pa.DataType, shown: str) -> None:
    nested = pa.struct([("deep", pa.list_(pa.map_(pa.string(), type_)))])
    with pytest.raises(UnsupportedTypeError, match=rf"column 'c\.deep\[\]\.value', Arrow type .*{shown}"):
        to_canonical_schema(pa.schema([("c", nested)]))


def test_repeated_and_missing_columns_are_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="no columns"):
        to_canonical_schema(pa.schema([]))
    with pytest.raises(InvalidArgumentError, match=r"same name.*: a$"):
        to_canonical_schema(pa.schema([("a", pa.int8()), ("a", pa.int16()), ("b", pa.int8())]))
    with pytest.raises(InvalidArgumentError, match=r"column 's', fields x$"):
        to_canonical_schema(pa.schema([("s", pa.struct([("x", pa.int8()), ("x", pa.int8())]))]))


def test_a_block_that_repeats_a_wanted_column_is_refused() -> None:
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    with pytest.raises(InvalidArgumentError, match=r"same name.*: a$"):
        to_canonical_columns(twice, [pa.field("a", pa.int64())])


def test_a_column_that_a_block_lacks_is_null() -> None:
    (column,) = to_canonical_columns(pa.table({"a": [1, 2]}), [pa.field("b", pa.struct([("x", pa.string())]))])
    assert column.to_pylist() == [None, None]


@pytest.mark.parametrize(
    ("values", "target"),
    [
        (pa.array(["1"]), pa.int64()),
        (pa.array(["2020-01-01"]), pa.date32()),
        (pa.array([1.0]), pa.float32()),
        (pa.array([1.0]), pa.int64()),
        (pa.array([[1]]), pa.int64()),
        (pa.array([dt.date(2020, 1, 1)]), pa.timestamp("us")),
    ],
)
def test_blocks_of_another_type_are_refused_instead_of_guessed(values: pa.Array, target: pa.DataType) -> None:
    with pytest.raises(UnsupportedTypeError, match="another type than the Dataset's schema says"):
        to_canonical_columns(pa.table({"a": values}), [pa.field("a", target)])


def test_a_block_without_rows_may_have_any_type() -> None:
    (column,) = to_canonical_columns(pa.table({"a": pa.array([], pa.date32())}), [pa.field("a", pa.float64())])
    assert column.type == pa.float64()
    assert not len(column)


def test_no_columns_keep_the_number_of_rows() -> None:
    (piece,) = to_struct_arrays([], [], 7)
    assert len(piece) == 7


@pytest.mark.parametrize("skip", [0, 1, 3])
def test_slices_of_structs_with_untyped_nulls_stay_whole(skip: int) -> None:
    inner = pa.struct([("nothing", pa.null())])
    found = pa.array([{"s": {"nothing": None}, "n": n} for n in range(4)], pa.struct([("s", inner), ("n", pa.uint8())]))
    wanted = pa.field("c", pa.struct([("s", inner), ("n", pa.int16())]))
    (column,) = to_canonical_columns(pa.table({"c": found.slice(skip)}), [wanted])
    column.validate(full=True)
    assert column.to_pylist() == found.slice(skip).to_pylist()
