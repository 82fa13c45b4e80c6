"""Converts columns of Ray's blocks to canonical types, exactly or with an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from raydp._exchange.types.canonical_types import child_path, is_wider, list_of, to_canonical_schema
from raydp._exchange.types.encodings import decode, is_encoded, unslice
from raydp._exchange.types.type_table import NANOSECOND_TIME
from raydp._exchange.types.vectors import DENSE_FORMS, to_vectors
from raydp.errors import DataLossError, InvalidArgumentError, UnsupportedTypeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["to_canonical_column", "to_canonical_columns", "to_struct_arrays"]

_MOST_BYTES_IN_32_BIT_OFFSETS = 2**31 - 1
# With smaller pieces, a reader would spend its time on requests instead of on values.
_SMALLEST_MEAN_BATCH_BYTES = 1 << 20
_LONGEST_EXAMPLE = 100
_NANOSECONDS_PER_DAY = 86_400_000_000_000
_DIMENSIONS_OF_STORAGE = dict(DENSE_FORMS.values())


def to_canonical_column(column: pa.ChunkedArray, target: pa.DataType, path: str) -> pa.ChunkedArray:
    """Return a column as a canonical type; without a copy when it already has it.

    Args:
        column: A column of a block of Ray's.
        target: A canonical type.
        path: The column's name, for messages.

    Raises:
        DataLossError: A value does not fit; the message has its column and the value.
        UnsupportedTypeError: The block's type is neither the target nor narrower.
    """
    result = column if column.type.equals(target) else _convert(column, target, path)
    if _has_limits(target):
        for chunk in result.chunks:
            _check_limits(chunk, path)
    return result


def to_canonical_columns(table: pa.Table, fields: Sequence[pa.Field]) -> list[pa.ChunkedArray]:
    """Return columns of a block by name, in canonical types. A column that the block lacks is all nulls.

    Raises:
        InvalidArgumentError: The block has two columns of one of the names.
        DataLossError, UnsupportedTypeError: As for :func:`to_canonical_column`.
    """
    result = []
    for field in fields:
        indexes = table.schema.get_all_field_indices(field.name)
        if len(indexes) > 1:
            raise InvalidArgumentError(
                f"A block of the Dataset has several columns of the same name; rename them first: {field.name}"
            )
        if not table.num_rows:  # of any type, because it has no value that could be lost
            result.append(pa.chunked_array([], field.type))
            continue
        column = table.column(indexes[0]) if indexes else pa.chunked_array([pa.nulls(table.num_rows)])
        result.append(to_canonical_column(column, field.type, field.name))
    return result


def to_struct_arrays(columns: Sequence[pa.ChunkedArray], names: Sequence[str], rows: int) -> list[pa.StructArray]:
    """Divide columns into struct arrays, the form in which they cross the Arrow C data interface.

    Copies nothing unless the columns have many small chunks, which are then joined.

    Args:
        columns: Columns of equal length, with any chunks.
        names: Their names.
        rows: Their length, needed if there are no columns.

    Returns:
        At least one array; an empty one if there are no rows.
    """
    if not columns:
        return [pa.StructArray.from_buffers(pa.struct([]), rows, [None])]
    table = pa.Table.from_arrays(list(columns), names=list(names))
    batches = [batch for batch in table.to_batches() if batch.num_rows]
    if len(batches) > 1 and table.nbytes / len(batches) < _SMALLEST_MEAN_BATCH_BYTES:
        batches = table.combine_chunks().to_batches()
    if not batches:
        batches = [pa.RecordBatch.from_pylist([], schema=table.schema)]
    return [batch.to_struct_array() for batch in batches]


def _convert(column: pa.ChunkedArray, target: pa.DataType, path: str) -> pa.ChunkedArray:
    dimensions = _DIMENSIONS_OF_STORAGE.get(target, 0)
    if dimensions and not pa.types.is_struct(column.type) and not pa.types.is_null(column.type):
        lists = pa.float64()
        for _ in range(dimensions):
            lists = list_of(lists)
        return _to_vectors(to_canonical_column(column, lists, path), target, path)
    _check_widening(column.type, target, path)
    chunks = _decode_chunks(column, path) if is_encoded(column.type) else column.chunks
    return pa.chunked_array([piece for chunk in chunks for piece in _cast(chunk, target, path)], type=target)


def _decode_chunks(column: pa.ChunkedArray, path: str) -> list[pa.Array]:
    try:
        return [decode(chunk) for chunk in column.chunks]
    except pa.ArrowException:
        raise
    except ValueError as error:
        raise DataLossError(
            f"A column has values that Spark's type cannot hold exactly. Round or drop them in the Dataset before the "
            f"conversion: column {path!r}, {error}"
        ) from error


def _to_vectors(lists: pa.ChunkedArray, target: pa.DataType, path: str) -> pa.ChunkedArray:
    try:
        return pa.chunked_array([to_vectors(chunk, target) for chunk in lists.chunks], type=target)
    except ValueError as error:
        raise DataLossError(
            f"A column of vectors or matrices has a value that Spark's cannot hold. Fill it or drop its row in the "
            f"Dataset before the conversion: column {path!r}, {error}"
        ) from error


def _check_widening(type_: pa.DataType, target: pa.DataType, path: str) -> None:
    """Refuse casts that Arrow does without a check (to narrower floats) or by guessing (parsing strings)."""
    own = to_canonical_schema(pa.schema([pa.field(path, type_)])).field(0).type
    if is_wider(target, own):
        return
    raise UnsupportedTypeError(
        f"A block of the Dataset has another type than the Dataset's schema says. Give all blocks the same type, "
        f"for example with map_batches: column {path!r}, block's type {type_}, schema's type {target}"
    )


def _cast(array: pa.Array, target: pa.DataType, path: str) -> Iterator[pa.Array]:
    if _has_untyped_nulls(array.type):
        array = unslice(array)
    try:
        yield array.cast(target)
    except pa.ArrowInvalid as error:
        if len(array) > 1 and array.nbytes > _MOST_BYTES_IN_32_BIT_OFFSETS:
            # Strings and lists with 64-bit offsets: if each value fits, some division of the array does.
            middle = len(array) // 2
            yield from _cast(array.slice(0, middle), target, path)
            yield from _cast(array.slice(middle), target, path)
            return
        raise _data_loss(array, target, path, error) from error


def _has_limits(type_: pa.DataType) -> bool:
    """Tell whether a type has values that its Spark type does not have, and that casts do not check."""
    if type_ == NANOSECOND_TIME:
        return True
    return any(_has_limits(type_.field(index).type) for index in range(type_.num_fields))


def _check_limits(array: pa.Array, path: str) -> None:
    type_ = array.type
    if type_ == NANOSECOND_TIME:
        nanos = array.view(pa.int64()).fill_null(0).to_numpy()
        wrong = np.flatnonzero((nanos < 0) | (nanos >= _NANOSECONDS_PER_DAY))
        if len(wrong):
            raise DataLossError(
                f"A column has times of day below 0 or above 24 hours. Fix them in the Dataset before the conversion: "
                f"column {path!r}, for example {nanos[wrong[0]]} ns"
            )
    elif pa.types.is_struct(type_):
        for field, child in zip(type_, array.flatten(), strict=True):
            if _has_limits(field.type):
                _check_limits(child, child_path(path, field.name))
    elif pa.types.is_map(type_):
        for name, child in (("key", array.keys), ("value", array.items)):
            if _has_limits(child.type):
                _check_limits(child, child_path(path, name))
    elif pa.types.is_list(type_) and _has_limits(type_):
        _check_limits(array.flatten(), child_path(path, "[]"))


def _has_untyped_nulls(type_: pa.DataType) -> bool:
    return pa.types.is_null(type_) or any(
        _has_untyped_nulls(type_.field(index).type) for index in range(type_.num_fields)
    )


def _data_loss(array: pa.Array, target: pa.DataType, path: str, error: pa.ArrowInvalid) -> DataLossError:
    found = next(_failing_values(array, target, path), None)
    if found is None:  # for example a value inside a null struct
        return DataLossError(f"A column has values that Spark's type cannot hold: column {path!r}, {error}")
    where, values, wanted = found
    example = repr(_first_failing(values, wanted))[:_LONGEST_EXAMPLE]
    return DataLossError(
        f"A column has values that Spark's type cannot hold exactly. Round, clip or cast it in the Dataset before "
        f"the conversion: column {where!r}, type {values.type}, type for Spark {wanted}, for example {example}"
    )


def _failing_values(array: pa.Array, target: pa.DataType, path: str) -> Iterator[tuple[str, pa.Array, pa.DataType]]:
    """Yield the innermost arrays that cannot be cast, with path and target type."""
    type_ = array.type
    if pa.types.is_struct(type_) and pa.types.is_struct(target):
        children = dict(zip((field.name for field in type_), array.flatten(), strict=True))
        for field in target:
            if field.name in children:
                yield from _failing_values(children[field.name], field.type, child_path(path, field.name))
    elif pa.types.is_map(type_) and pa.types.is_map(target):
        yield from _failing_values(array.keys, target.key_type, child_path(path, "key"))
        yield from _failing_values(array.items, target.item_type, child_path(path, "value"))
    elif pa.types.is_list(target) and hasattr(array, "flatten"):
        yield from _failing_values(array.flatten(), target.value_type, child_path(path, "[]"))
    elif not _can_cast(array, target):
        yield path, array, target


def _first_failing(values: pa.Array, target: pa.DataType) -> object:
    while len(values) > 1:
        half = values.slice(0, len(values) // 2)
        values = half if not _can_cast(half, target) else values.slice(len(values) // 2)
    return values[0].as_py() if not pa.types.is_timestamp(values.type) else str(values[0].cast(pa.string()))


def _can_cast(array: pa.Array, target: pa.DataType) -> bool:
    try:
        array.cast(target)
    except pa.ArrowException:
        return False
    return True
