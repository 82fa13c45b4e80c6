"""Chooses the columns of a DataFrame that become tensor columns in Ray, and converts their values.

Ray Data passes a tensor column to NumPy, PyTorch and TensorFlow as one array of shape (rows, ...). The shape is part of
its type, and Spark does not know it. An agent takes it from the first block and compares all other blocks with it. The
driver compares the agents at the end.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from raydp._configuration.suggestions import did_you_mean
from raydp._exchange.types.field_metadata import spark_metadata, user_defined_class
from raydp._exchange.types.vectors import (
    DENSE_FORMS,
    MATRIX_TYPE,
    VECTOR_TYPE,
    matrix_shapes,
    vector_lengths,
    write_dense,
)
from raydp.errors import DataLossError, InvalidArgumentError

if TYPE_CHECKING:
    import numpy.typing as npt
    from ray.data.extensions import FixedShapeTensorFormat

__all__ = ["BlockForm", "Shape", "TensorConverter", "choose_tensors", "merge_shapes"]

Shape = tuple[int, ...]
# The largest block, in bytes, that sparse vectors may become when their zeros are written out.
_MOST_DENSE_BYTES = 1 << 30


@dataclass(frozen=True)
class TensorColumn:
    """A column that becomes a tensor column.

    Attributes:
        name: Its name.
        value_type: Arrow type of the numbers.
        dimensions: Number of dimensions of one row.
        shape: The requested shape; ``None``: that of the rows.
        fallback: The shape if there are no rows.
    """

    name: str
    value_type: pa.DataType
    dimensions: int
    shape: Shape | None
    fallback: Shape


@dataclass(frozen=True)
class BlockForm:
    """What the blocks of an export look like.

    Attributes:
        canonical: The schema in which Spark's tasks send them.
        tensors: The columns that agents convert to tensor columns.
        tensor_form: Which of Ray's tensor types those have.
    """

    canonical: pa.Schema
    tensors: tuple[TensorColumn, ...]
    tensor_form: FixedShapeTensorFormat

    @classmethod
    def of(cls, canonical: pa.Schema, requested: Collection[str] | Mapping[str, Shape] | None) -> BlockForm:
        """Return the form; see :func:`choose_tensors` for what may be requested, and for the errors."""
        from ray.data import DataContext  # takes a second; programs without Datasets do not need it

        tensors = tuple(choose_tensors(canonical, requested))
        return cls(canonical, tensors, DataContext.get_current().arrow_fixed_shape_tensor_format)

    def with_shapes(self, shapes: Mapping[str, Shape]) -> BlockForm:
        """Return the form with the shapes that the rows of the tensor columns have."""
        known = [replace(column, shape=shapes.get(column.name, column.shape)) for column in self.tensors]
        return replace(self, tensors=tuple(known))

    def tensor_converter(self) -> TensorConverter | None:
        """Return a converter of blocks to stored tables, or ``None`` if they are the same."""
        return TensorConverter(self.tensors, self.tensor_form) if self.tensors else None

    def stored_schema(self) -> pa.Schema:
        """Return the schema of the Dataset: the canonical one with tensor types."""
        schema = self.canonical
        for column in self.tensors:
            type_ = _tensor_type(column, column.shape or column.fallback, self.tensor_form)
            index = schema.get_field_index(column.name)
            schema = schema.set(index, schema.field(index).with_type(type_))
        return schema


def choose_tensors(schema: pa.Schema, requested: Collection[str] | Mapping[str, Shape] | None) -> list[TensorColumn]:
    """Return the tensor columns of an export.

    Args:
        schema: The canonical schema of the DataFrame.
        requested: Names of columns, or their shapes by name; ``None``: all columns of vectors and matrices.

    Raises:
        InvalidArgumentError: There is no such column, it does not hold numbers, or its shape is invalid.
    """
    if requested is None:
        vectors = [field for field in schema if _dense_form(field) is not None]
        return [_tensor_column(field, None) for field in vectors]
    if isinstance(requested, str) or not isinstance(requested, Collection):
        raise InvalidArgumentError(
            f"tensor_columns must be a list of column names, or a dict of shapes by name; got: {requested!r}"
        )
    shapes = dict(requested) if isinstance(requested, Mapping) else dict.fromkeys(requested)
    unknown = [name for name in shapes if name not in schema.names]
    if unknown:
        unused = [name for name in schema.names if name not in shapes]
        hints = "".join(did_you_mean(name, unused) for name in unknown)
        raise InvalidArgumentError(
            f"tensor_columns names columns that the DataFrame does not have: {', '.join(map(repr, unknown))}"
            f"{f'. {hints}It' if hints else '; it'} has: {', '.join(schema.names)}"
        )
    return [_tensor_column(schema.field(name), shape) for name, shape in shapes.items()]


class TensorConverter:
    """Converts the blocks of one export that one agent receives.

    Args:
        columns: The tensor columns.
        form: Which of Ray's tensor types to use.
    """

    def __init__(self, columns: Sequence[TensorColumn], form: FixedShapeTensorFormat) -> None:
        self._columns = columns
        self._form = form
        self.shapes: dict[str, Shape] = {column.name: column.shape for column in columns if column.shape is not None}

    def convert(self, table: pa.Table) -> pa.Table:
        """Return a block with its columns converted to tensor columns.

        Raises:
            DataLossError: Rows of a column differ in shape, or hold nulls that a tensor cannot hold.
        """
        for column in self._columns:
            index = table.schema.get_field_index(column.name)
            chunks = [self._tensors(column, chunk) for chunk in table.column(index).chunks]
            field = table.schema.field(index).with_type(chunks[0].type)
            table = table.set_column(index, field, pa.chunked_array(chunks))
        return table

    def _tensors(self, column: TensorColumn, array: pa.Array) -> pa.ExtensionArray:
        valid = np.asarray(array.is_valid().to_numpy(zero_copy_only=False))
        shape = self._shape(column, array, valid)
        if pa.types.is_struct(array.type):
            flat = _dense_numbers(column, array, valid, shape)
        else:
            flat = _list_numbers(column, array, valid, shape)
        type_ = _tensor_type(column, shape, self._form)
        if array.null_count and isinstance(type_, pa.FixedShapeTensorType):
            raise DataLossError(
                f"A column has null rows, which Ray Data does not read from Arrow's own tensors. Fill them, or use "
                f"another DataContext.arrow_fixed_shape_tensor_format: column {column.name!r}"
            )
        numbers = pa.array(flat) if flat.dtype == np.bool_ else _wrapped(flat, column.value_type)
        validity = array.is_valid().buffers()[1] if array.null_count else None
        return type_.wrap_array(_storage(type_.storage_type, numbers, math.prod(shape), len(array), validity))

    def _shape(self, column: TensorColumn, array: pa.Array, valid: npt.NDArray[np.bool_]) -> Shape:
        known = self.shapes.get(column.name)
        if not valid.any():
            # Other blocks have the shape that their rows have.
            return self.shapes.setdefault(column.name, column.fallback) if known is None else known
        found = _shapes_of(array, valid, column)
        expected = found[0] if known is None else known
        other = next((shape for shape in found if shape != expected), None)
        if other is not None:
            raise _differ(column.name, expected, other)
        return self.shapes.setdefault(column.name, expected)


def merge_shapes(found: list[dict[str, Shape]]) -> dict[str, Shape]:
    """Return the shapes of tensor columns by name, from what all agents of an export found.

    Raises:
        DataLossError: Two agents found different shapes.
    """
    result: dict[str, Shape] = {}
    for shapes in found:
        for name, shape in shapes.items():
            if result.setdefault(name, shape) != shape:
                raise _differ(name, result[name], shape)
    return result


def _dense_form(field: pa.Field) -> tuple[pa.DataType, int] | None:
    form = DENSE_FORMS.get(user_defined_class(field.metadata) or "")
    return form if form is not None and form[0] == field.type else None


def _tensor_column(field: pa.Field, shape: Any) -> TensorColumn:
    form = _dense_form(field)
    value, dimensions = (pa.float64(), form[1]) if form is not None else (field.type, 0)
    while pa.types.is_list(value):
        value, dimensions = value.value_type, dimensions + 1
    if not dimensions or not (pa.types.is_floating(value) or pa.types.is_integer(value) or pa.types.is_boolean(value)):
        raise InvalidArgumentError(
            f"Only vectors, matrices and (nested) arrays of numbers can become a tensor column. Cast the column, or "
            f"remove it from tensor_columns: column {field.name!r}, type {field.type}"
        )
    if shape is not None and not _is_shape(shape, dimensions):
        raise InvalidArgumentError(
            f"The shape of a tensor column must have one whole number per dimension of a row: column {field.name!r}, "
            f"dimensions {dimensions}, got: {shape!r}"
        )
    length = spark_metadata(field).get("ml_attr", {}).get("num_attrs", 0) if dimensions == 1 else 0
    fallback = (length if isinstance(length, int) else 0,) + (0,) * (dimensions - 1)
    return TensorColumn(field.name, value, dimensions, None if shape is None else tuple(shape), fallback)


def _is_shape(shape: Any, dimensions: int) -> bool:
    return (
        isinstance(shape, (tuple, list))
        and len(shape) == dimensions
        and all(isinstance(length, int) and not isinstance(length, bool) and length >= 0 for length in shape)
    )


def _shapes_of(array: pa.Array, valid: npt.NDArray[np.bool_], column: TensorColumn) -> list[Shape]:
    """Return at least one shape of a row, and two if they differ."""
    if array.type == VECTOR_TYPE:
        return [(int(length),) for length in np.unique(vector_lengths(array)[valid])[:2]]
    if array.type == MATRIX_TYPE:
        return [(int(height), int(width)) for height, width in np.unique(matrix_shapes(array)[valid], axis=0)[:2]]
    shape: Shape = ()
    for _ in range(column.dimensions):
        lengths = np.unique(array.drop_null().value_lengths().to_numpy(zero_copy_only=False))
        if len(lengths) > 1:
            return [(*shape, int(lengths[0])), (*shape, int(lengths[1]))]
        shape = (*shape, int(lengths[0]) if len(lengths) else 0)
        array = array.flatten()
    return [shape]


def _dense_numbers(
    column: TensorColumn, array: pa.StructArray, valid: npt.NDArray[np.bool_], shape: Shape
) -> npt.NDArray[Any]:
    values = array.field("values")
    by_rows = array.type == VECTOR_TYPE and valid.all() and not values.null_count
    if by_rows and len(values.flatten()) == len(array) * math.prod(shape) and _all_dense(array):
        return np.asarray(values.flatten().to_numpy())
    size = 8 * len(array) * math.prod(shape)
    if size > _MOST_DENSE_BYTES:
        raise DataLossError(
            f"A block of sparse vectors would take {size / 2**30:.1f} GiB with its zeros written out. Remove the "
            f"column from tensor_columns to keep it sparse, or make smaller blocks with num_blocks: column "
            f"{column.name!r}, shape {shape}, {len(array)} rows"
        )
    out = np.zeros((len(array), *shape))
    out[~valid] = np.nan
    write_dense(array, valid, out)
    return out.reshape(-1)


def _all_dense(vectors: pa.StructArray) -> bool:
    return bool((vectors.field("type").to_numpy(zero_copy_only=False) == 1).all())


def _list_numbers(
    column: TensorColumn, array: pa.Array, valid: npt.NDArray[np.bool_], shape: Shape
) -> npt.NDArray[Any]:
    nulls = 0
    values = array
    for level in range(column.dimensions):
        nulls += values.null_count if level else 0
        values = values.flatten()
    floating = pa.types.is_floating(column.value_type)
    if nulls or values.null_count or not (floating or valid.all()):
        raise DataLossError(
            f"A column has nulls that a tensor column cannot hold; only whole rows of floating-point numbers may be "
            f"null. Fill them, or remove the column from tensor_columns: column {column.name!r}"
        )
    flat = np.asarray(values.to_numpy(zero_copy_only=False))
    if valid.all():
        return flat
    out = np.full((len(array), math.prod(shape)), np.nan, flat.dtype)
    out[valid] = flat.reshape(-1, math.prod(shape))
    return out.reshape(-1)


def _tensor_type(column: TensorColumn, shape: Shape, form: FixedShapeTensorFormat) -> pa.BaseExtensionType:
    native = form is type(form).ARROW_NATIVE
    if native and not pa.types.is_boolean(column.value_type) and all(shape):
        return pa.fixed_shape_tensor(column.value_type, shape)
    # As in Ray, if NumPy cannot read Arrow's own type.
    return (type(form).V2 if native else form).to_type()(shape, column.value_type)


def _wrapped(flat: npt.NDArray[Any], type_: pa.DataType) -> pa.Array:
    # Ray reads the numbers from the start of their buffer, so they must not be a slice.
    return pa.Array.from_buffers(type_, len(flat), [None, pa.py_buffer(np.ascontiguousarray(flat))])


def _storage(type_: pa.DataType, numbers: pa.Array, size: int, rows: int, validity: pa.Buffer | None) -> pa.Array:
    if pa.types.is_fixed_size_list(type_):
        return pa.Array.from_buffers(type_, rows, [validity], children=[numbers])
    width = np.int64 if pa.types.is_large_list(type_) else np.int32
    offsets = pa.py_buffer((np.arange(rows + 1, dtype=np.int64) * size).astype(width))
    return pa.Array.from_buffers(type_, rows, [validity, offsets], children=[numbers])


def _differ(name: str, one: Shape, other: Shape) -> DataLossError:
    return DataLossError(
        f"A tensor column needs rows of one shape, and this one has several. Pad them, keep them as lists (vectors "
        f"with pyspark.ml.functions.vector_to_array), or fix the shape in tensor_columns: column {name!r}, shapes "
        f"{one} and {other}"
    )
