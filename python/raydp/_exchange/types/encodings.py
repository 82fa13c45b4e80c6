"""Decodes dictionaries, run-end encoding, views, intervals and extension types to plain arrays.

Arrow can cast the results to canonical types. Strings and binaries get 64-bit offsets, because a short dictionary may
stand for more than 2 GiB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from raydp._exchange.types.tensors import is_tensor, to_nested_lists
from raydp._exchange.types.type_table import CALENDAR_INTERVAL

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["decode", "is_encoded", "unslice"]

_ARROW_INTERVAL = np.dtype([("months", "<i4"), ("days", "<i4"), ("nanoseconds", "<i8")])
_WIDE = {pa.string(): pa.large_string(), pa.binary(): pa.large_binary()}
_VIEWS = {pa.string_view(): pa.large_string(), pa.binary_view(): pa.large_binary()}


def is_encoded(type_: pa.DataType) -> bool:
    """Tell whether values of a type must be decoded before they can be cast, at any depth."""
    if (
        isinstance(type_, pa.BaseExtensionType)
        or type_ in _VIEWS
        or type_ == pa.month_day_nano_interval()
        or pa.types.is_dictionary(type_)
        or pa.types.is_run_end_encoded(type_)
        or _is_list_view(type_)
    ):
        return True
    return any(is_encoded(type_.field(index).type) for index in range(type_.num_fields))


def decode(array: pa.Array) -> pa.Array:
    """Return the same values as plain arrays, at any depth.

    Raises:
        ValueError: An interval has a fraction of a microsecond.
    """
    type_ = array.type
    if not is_encoded(type_):
        return array
    if isinstance(type_, pa.BaseExtensionType):
        if is_tensor(type_):
            return to_nested_lists(array)
        storage = decode(array.storage)
        return storage.cast(pa.bool_()) if type_.extension_name == "arrow.bool8" else storage
    if type_ in _VIEWS:
        return array.cast(_VIEWS[type_])
    if type_ == pa.month_day_nano_interval():
        return _interval_parts(array)
    if pa.types.is_dictionary(type_):
        values = _widened(decode(array.dictionary))
        return values.take(array.indices)
    if pa.types.is_run_end_encoded(type_):
        return _runs(array)
    if _is_list_view(type_):
        return _lists_of_view(array)
    return _map_children(array, decode)


def unslice(array: pa.Array) -> pa.Array:
    """Return the same values without offsets into longer nested arrays.

    Arrow 26 casts those wrongly if they hold nulls without a type.
    """
    if pa.types.is_null(array.type):
        return pa.nulls(len(array))
    return _map_children(array, unslice) if array.type.num_fields else array


def _map_children(array: pa.Array, part: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """Return a nested array with ``part`` applied to its children."""
    type_ = array.type
    if pa.types.is_struct(type_):
        children = [part(array.field(index)) for index in range(type_.num_fields)]
        fields = [field.with_type(child.type) for field, child in zip(type_, children, strict=True)]
        return pa.StructArray.from_arrays(children, fields=fields, mask=array.is_null())
    if pa.types.is_fixed_size_list(type_):
        size = type_.list_size
        child = part(array.values.slice(array.offset * size, len(array) * size))
        target = pa.list_(child.type, size)
        return pa.Array.from_buffers(target, len(array), [_validity(array)], children=[child])
    offsets = array.offsets.to_numpy(zero_copy_only=False)
    first, end = (int(offsets[0]), int(offsets[-1])) if len(offsets) else (0, 0)
    buffers = [_validity(array), pa.py_buffer(np.ascontiguousarray(offsets - offsets[:1]))]
    if pa.types.is_map(type_):
        keys, items = (part(child.slice(first, end - first)) for child in (array.keys, array.items))
        target = pa.map_(keys.type, items.type)
        entries = pa.StructArray.from_arrays([keys, items], fields=list(target.field(0).type))
        return pa.Array.from_buffers(target, len(array), buffers, children=[entries])
    child = part(array.values.slice(first, end - first))
    target = pa.large_list(child.type) if pa.types.is_large_list(type_) else pa.list_(child.type)
    return pa.Array.from_buffers(target, len(array), buffers, children=[child])


def _lists_of_view(array: pa.Array) -> pa.Array:
    """Return the lists of a view. They may overlap, have any order, and refer to anything if they are null."""
    valid = array.is_valid().to_numpy(zero_copy_only=False)
    sizes = np.where(valid, array.sizes.to_numpy(zero_copy_only=False), 0).astype(np.int64)
    starts = np.where(valid, array.offsets.to_numpy(zero_copy_only=False), 0).astype(np.int64)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    places = np.repeat(starts - offsets[:-1], sizes) + np.arange(offsets[-1])
    child = decode(array.values).take(pa.array(places))
    return pa.Array.from_buffers(
        pa.large_list(child.type), len(array), [_validity(array), pa.py_buffer(offsets)], children=[child]
    )


def _interval_parts(array: pa.Array) -> pa.StructArray:
    end = array.offset + len(array)
    parts = np.frombuffer(array.buffers()[1] or b"", _ARROW_INTERVAL, count=end)[array.offset :]
    null = array.is_null().to_numpy(zero_copy_only=False)
    micros, rest = np.divmod(parts["nanoseconds"], 1000)
    lossy = np.flatnonzero((rest != 0) & ~null)
    if len(lossy):
        message = f"an interval has a fraction of a microsecond, for example {array[int(lossy[0])]}"
        raise ValueError(message)
    children = [pa.array(np.ascontiguousarray(numbers)) for numbers in (parts["months"], parts["days"], micros)]
    return pa.StructArray.from_arrays(children, fields=list(CALENDAR_INTERVAL), mask=pa.array(null))


def _runs(array: pa.Array) -> pa.Array:
    # Slices keep all run ends. The runs of a slice are those that end after its start.
    ends = array.run_ends.to_numpy(zero_copy_only=False)
    rows = np.arange(array.offset, array.offset + len(array))
    return _widened(decode(array.values)).take(pa.array(np.searchsorted(ends, rows, side="right")))


def _widened(values: pa.Array) -> pa.Array:
    return values.cast(_WIDE[values.type]) if values.type in _WIDE else values


def _is_list_view(type_: pa.DataType) -> bool:
    return bool(pa.types.is_list_view(type_) or pa.types.is_large_list_view(type_))


def _validity(array: pa.Array) -> pa.Buffer | None:
    return array.is_valid().buffers()[1] if array.null_count else None
