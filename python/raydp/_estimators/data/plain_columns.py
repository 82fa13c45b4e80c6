"""Columns of blocks as estimators read them: plain numbers, texts and lists, whatever types the blocks have.

Dictionaries, run-end encoding and views are decoded, a tensor or an array of arrays is the list of its numbers, and a
column that a block lacks is null.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from raydp._estimators.data.layout import is_list
from raydp._exchange.types.block_schemas import unify_block_schemas
from raydp._exchange.types.canonical_types import list_of
from raydp._exchange.types.encodings import decode, is_encoded
from raydp._exchange.types.tensors import has_fixed_shape, tensor_value
from raydp._ray.internals import arrow_table
from raydp.errors import InvalidDataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["find_common_types", "find_dictionaries", "read_plain_columns"]


def read_plain_columns(block: object, columns: Sequence[str]) -> pa.Table:
    """Return columns of a block, an Arrow table or a pandas frame. Numbers and tensors are not copied.

    Raises:
        InvalidDataError: The arrays in an array differ in length, or are null.
    """
    table = arrow_table(block)
    found = set(table.column_names)
    return pa.table(
        {name: _plain(table.column(name), name) if name in found else pa.nulls(table.num_rows) for name in columns}
    )


def find_common_types(blocks: Iterable[tuple[pa.Schema, int | None]], columns: Sequence[str]) -> pa.Schema:
    """Return the types of columns over all blocks. A column that no block has is of type null.

    Args:
        blocks: The Arrow schema and the number of rows of each block; ``None``: unknown.
        columns: The columns.

    Raises:
        UnsupportedTypeError: A type is not supported, or a column's types in two blocks have nothing in common.
    """
    nothing = pa.schema([(name, pa.null()) for name in columns])
    common = unify_block_schemas([(_plain_types(schema, columns), rows) for schema, rows in blocks], nothing)
    return pa.schema(
        [(name, _plain_type(common.field(name).type) if name in common.names else pa.null()) for name in columns]
    )


def find_dictionaries(blocks: Iterable[tuple[pa.Schema, int | None]], columns: Sequence[str]) -> frozenset[str]:
    """Return which columns are dictionaries in all blocks that have values of them.

    Args:
        blocks: The Arrow schema and the number of rows of each block; ``None``: unknown.
        columns: The columns.
    """
    types: dict[str, list[pa.DataType]] = {name: [] for name in columns}
    for schema, rows in blocks:
        for name in set(schema.names) & types.keys() if rows != 0 else ():
            if not pa.types.is_null(schema.field(name).type):
                types[name].append(schema.field(name).type)
    return frozenset(name for name, found in types.items() if found and all(map(pa.types.is_dictionary, found)))


def _plain(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    if not is_encoded(column.type) and not _is_nested(column.type):
        return column
    chunks = column.chunks or [pa.nulls(0, column.type)]
    if has_fixed_shape(column.type):
        return pa.chunked_array([chunk.storage for chunk in chunks])
    return pa.chunked_array([_without_levels(decode(chunk), name) for chunk in chunks])


def _is_nested(type_: pa.DataType) -> bool:
    return is_list(type_) and is_list(type_.value_type)


def _without_levels(array: pa.Array, name: str) -> pa.Array:
    """Return arrays of arrays as arrays of all numbers in them, in C order."""
    while _is_nested(array.type):
        inner = array.flatten()  # without what is below null rows
        sizes = pc.unique(pc.list_value_length(inner)).to_pylist()
        if len(sizes) > 1 or None in sizes:
            raise InvalidDataError(
                "The arrays in an array of a feature column must have the same length, such as the rows of an image; "
                f"pad or cut them first. Column {name}: lengths {sizes[:5]}"
            )
        lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy().astype(np.int64)
        offsets = np.concatenate([[0], np.cumsum(lengths)]) * (sizes[0] if sizes else 0)
        array = pa.LargeListArray.from_arrays(pa.array(offsets), inner.flatten(), mask=array.is_null())
    return array


def _plain_type(type_: pa.DataType) -> pa.DataType:
    if has_fixed_shape(type_):
        return list_of(tensor_value(type_)[0])
    while _is_nested(type_):
        type_ = type_.value_type
    return type_


def _plain_types(schema: pa.Schema, columns: Sequence[str]) -> pa.Schema:
    fields = [schema.field(name) for name in columns if name in schema.names]
    return pa.schema([field.with_type(_plain_type(field.type)) for field in fields])
