"""Vectors, matrices and arrays become tensors of the same numbers, or an error says why not. No cluster needed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.ml.linalg import DenseMatrix, DenseVector, MatrixUDT, SparseMatrix, SparseVector, VectorUDT
from pyspark.sql import types as T
from ray.data.block import BlockAccessor
from ray.data.extensions import FixedShapeTensorFormat

from raydp._exchange.types.canonical_types import to_canonical_schema
from raydp._exchange.types.columns import to_canonical_columns
from raydp._exchange.types.spark_types import to_arrow_schema, to_spark_schema
from raydp._exchange.types.tensor_columns import BlockForm, TensorConverter, choose_tensors, merge_shapes
from raydp.errors import DataLossError, InvalidArgumentError

FORMS = list(FixedShapeTensorFormat)
NUMBERS = st.floats(allow_nan=False, width=32)


def _table(type_: T.DataType, rows: list[Any], metadata: dict[str, Any] | None = None) -> pa.Table:
    """The column c as it comes from Spark: user-defined types as their storage."""
    schema = to_arrow_schema(T.StructType([T.StructField("c", type_, metadata=metadata)]))
    stored = [None if row is None else type_.toInternal(row) for row in rows]
    field = schema.field("c")
    if pa.types.is_struct(field.type):
        stored = [None if row is None else dict(zip((f.name for f in field.type), row, strict=True)) for row in stored]
    return pa.Table.from_arrays([pa.array(stored, field.type)], schema=schema)


def _tensors(
    tables: list[pa.Table], asked: Any = None, form: FixedShapeTensorFormat = FixedShapeTensorFormat.V2
) -> list[pa.Table]:
    columns = choose_tensors(tables[0].schema, asked)
    agent = TensorConverter(columns, form)
    made = [agent.convert(table) for table in tables]
    decided = BlockForm(tables[0].schema, tuple(columns), form)
    promised = decided.with_shapes(merge_shapes([agent.shapes])).stored_schema()
    assert all(table.schema.equals(promised, check_metadata=True) for table in made)
    return made


def _numpy(table: pa.Table) -> np.ndarray[Any, Any]:
    array = BlockAccessor.for_block(table).to_numpy("c")
    assert isinstance(array, np.ndarray)
    return array


def _returned(table: pa.Table) -> tuple[T.DataType, list[Any]]:
    """What Spark makes of the column c when it gets it back."""
    schema = to_canonical_schema(table.schema)
    (column,) = to_canonical_columns(table, list(schema))
    column.validate(full=True)
    type_ = to_spark_schema(schema)["c"].dataType
    rows = [tuple(row.values()) if isinstance(row, dict) else row for row in column.to_pylist()]
    return type_, [type_.fromInternal(row) if type_.needConversion() else row for row in rows]


@st.composite
def _vectors(draw: st.DrawFn) -> tuple[int, list[Any]]:
    size = draw(st.integers(1, 5))
    dense = st.lists(NUMBERS, min_size=size, max_size=size).map(DenseVector)
    sparse = st.dictionaries(st.integers(0, size - 1), NUMBERS).map(lambda found: SparseVector(size, found))
    kind = draw(st.sampled_from([dense, sparse, dense | sparse, st.none() | dense | sparse]))
    return size, draw(st.lists(kind, max_size=8))


@st.composite
def _matrices(draw: st.DrawFn) -> tuple[tuple[int, int], list[Any]]:
    height, width = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    cells = st.lists(NUMBERS, min_size=height * width, max_size=height * width)

    def sparse(values: list[float], transposed: bool) -> SparseMatrix:
        array = np.array(values).reshape(width, height) if not transposed else np.array(values).reshape(height, width)
        starts = np.concatenate([[0], np.cumsum((array != 0).sum(axis=1))])
        along = np.nonzero(array)[1]
        return SparseMatrix(height, width, starts, along, array[array != 0], transposed)

    dense = st.tuples(cells, st.booleans()).map(lambda pair: DenseMatrix(height, width, pair[0], pair[1]))
    kinds = st.none() | dense | st.tuples(cells, st.booleans()).map(lambda pair: sparse(*pair))
    return (height, width), draw(st.lists(kinds, max_size=6))


def _without_nulls(rows: list[Any], form: FixedShapeTensorFormat) -> list[Any]:
    return [row for row in rows if row is not None] if form is FixedShapeTensorFormat.ARROW_NATIVE else rows


def _expected(rows: list[Any], shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    arrays = [np.full(shape, np.nan) if row is None else row.toArray() for row in rows]
    return np.array(arrays).reshape((len(rows), *shape))


@pytest.mark.parametrize("form", FORMS)
@given(drawn=_vectors())
def test_vectors(form: FixedShapeTensorFormat, drawn: tuple[int, list[Any]]) -> None:
    size, rows = drawn
    rows = _without_nulls(rows, form)
    (table,) = _tensors([_table(VectorUDT(), rows, {"ml_attr": {"num_attrs": size}})], form=form)
    np.testing.assert_array_equal(_numpy(table), _expected(rows, (size,)))
    type_, back = _returned(table)
    assert type_ == VectorUDT()
    assert [None if row is None else list(row.toArray()) for row in back] == [
        None if row is None else list(row.toArray()) for row in rows
    ]


@pytest.mark.parametrize("form", FORMS)
@given(drawn=_matrices())
def test_matrices(form: FixedShapeTensorFormat, drawn: tuple[tuple[int, int], list[Any]]) -> None:
    shape, rows = drawn
    rows = _without_nulls(rows, form)
    (table,) = _tensors([_table(MatrixUDT(), rows)], {"c": shape}, form=form)
    np.testing.assert_array_equal(_numpy(table), _expected(rows, shape))
    type_, back = _returned(table)
    assert type_ == MatrixUDT()
    assert [None if row is None else row.toArray().tolist() for row in back] == [
        None if row is None else row.toArray().tolist() for row in rows
    ]


@pytest.mark.parametrize(
    ("element", "dtype", "value"),
    [
        (T.FloatType(), np.float32, 1.5),
        (T.DoubleType(), np.float64, 1.5),
        (T.IntegerType(), np.int32, -7),
        (T.LongType(), np.int64, 2**40),
        (T.ByteType(), np.int8, -3),
        (T.BooleanType(), np.bool_, True),
    ],
)
@pytest.mark.parametrize("form", FORMS)
def test_arrays_of_numbers(form: FixedShapeTensorFormat, element: T.DataType, dtype: Any, value: Any) -> None:
    row = [[value, 0, value], [0, value, 0]]
    rows = [[[bool(v) if dtype is np.bool_ else v for v in line] for line in row]] * 3
    (table,) = _tensors([_table(T.ArrayType(T.ArrayType(element)), rows)], ["c"], form=form)
    array = _numpy(table)
    assert array.dtype == dtype
    assert array.tolist() == rows
    assert _numpy(table.slice(1, 1)).tolist() == rows[:1]
    assert _returned(table) == (T.ArrayType(T.ArrayType(element)), rows)


def test_null_rows_are_refused_where_ray_cannot_read_them() -> None:
    table = _table(VectorUDT(), [None, DenseVector([1.0])])
    with pytest.raises(DataLossError, match=r"null rows.*column 'c'$"):
        _tensors([table], form=FixedShapeTensorFormat.ARROW_NATIVE)


def test_null_rows_are_nan_and_come_back_null() -> None:
    (table,) = _tensors([_table(T.ArrayType(T.FloatType()), [[1.0, 2.0], None])], ["c"])
    np.testing.assert_array_equal(_numpy(table), [[1.0, 2.0], [np.nan, np.nan]])
    assert _returned(table)[1] == [[1.0, 2.0], None]


@pytest.mark.parametrize(
    ("element", "rows"),
    [
        (T.IntegerType(), [[1, 2], None]),
        (T.FloatType(), [[1.0, None]]),
        (T.ArrayType(T.FloatType()), [[[1.0], None]]),
    ],
)
def test_nulls_that_numpy_cannot_show_are_refused(element: T.DataType, rows: list[Any]) -> None:
    with pytest.raises(DataLossError, match=r"nulls that a tensor column cannot hold.*column 'c'$"):
        _tensors([_table(T.ArrayType(element), rows)], ["c"])


def test_arrays_are_lists_and_nested_vectors_are_structs_unless_asked() -> None:
    schema = to_arrow_schema(
        T.StructType([T.StructField("a", T.ArrayType(T.FloatType())), T.StructField("v", VectorUDT())])
    )
    assert [column.name for column in choose_tensors(schema, None)] == ["v"]
    assert [column.name for column in choose_tensors(schema, ["a"])] == ["a"]
    assert choose_tensors(schema, []) == []
    nested = to_arrow_schema(T.StructType([T.StructField("l", T.ArrayType(VectorUDT()))]))
    assert choose_tensors(nested, None) == []


def test_rows_of_several_shapes_are_refused_with_the_column() -> None:
    vectors = [_table(VectorUDT(), [DenseVector([1.0] * size)]) for size in (2, 3)]
    together = pa.concat_tables(vectors).combine_chunks()
    with pytest.raises(DataLossError, match=r"column 'c', shapes \(2,\) and \(3,\)$"):
        _tensors([together])
    with pytest.raises(DataLossError, match=r"column 'c', shapes \(2,\) and \(3,\)$"):
        _tensors(vectors)
    with pytest.raises(DataLossError, match=r"column 'c', shapes \(3,\) and \(2,\)$"):
        _tensors(vectors[:1], {"c": (3,)})
    with pytest.raises(DataLossError, match=r"column 'c', shapes \(2,\) and \(3,\)$"):
        merge_shapes([{"c": (2,)}, {}, {"c": (3,)}])
    ragged = _table(T.ArrayType(T.ArrayType(T.FloatType())), [[[1.0], [2.0, 3.0]]])
    with pytest.raises(DataLossError, match=r"column 'c', shapes \(2, 1\) and \(2, 2\)$"):
        _tensors([ragged], ["c"])


def test_sparse_vectors_do_not_fill_the_memory_with_zeros() -> None:
    table = _table(VectorUDT(), [SparseVector(2**30, {0: 1.0})] * 2)
    with pytest.raises(DataLossError, match=r"16\.0 GiB with its zeros.*column 'c', shape \(1073741824,\), 2 rows$"):
        _tensors([table])
    assert _tensors([table], [])[0].equals(table)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("c", "must be a list of column names"),
        (["x"], r"does not have: 'x'; it has: c, s$"),
        (["s"], r"Only vectors, matrices and \(nested\) arrays of numbers.*column 's', type string$"),
        ({"c": (2, 2)}, r"column 'c', dimensions 1, got: \(2, 2\)$"),
        ({"c": (-1,)}, r"got: \(-1,\)$"),
    ],
)
def test_wrong_requests_are_refused(asked: Any, message: str) -> None:
    schema = to_arrow_schema(
        T.StructType([T.StructField("c", T.ArrayType(T.FloatType())), T.StructField("s", T.StringType())])
    )
    with pytest.raises(InvalidArgumentError, match=message):
        choose_tensors(schema, asked)


def test_lists_in_a_column_of_vectors_become_vectors() -> None:
    (found,) = _tensors([_table(VectorUDT(), [DenseVector([1.0, 2.0])])])
    wanted = to_canonical_schema(found.schema)
    lists = pa.table({"c": pa.array([[3.0, 4.0], None])})
    (column,) = to_canonical_columns(lists, list(wanted))
    assert [None if row is None else row["values"] for row in column.to_pylist()] == [[3.0, 4.0], None]
    with pytest.raises(DataLossError, match=r"column 'c', a number in it is null$"):
        to_canonical_columns(pa.table({"c": pa.array([[3.0, None]])}), list(wanted))
