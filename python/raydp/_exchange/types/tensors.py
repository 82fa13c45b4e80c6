"""Converts tensor columns of Ray's blocks to nested lists in C order: Ray's extension types and Arrow's tensors."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

__all__ = ["has_fixed_shape", "is_tensor", "tensor_value", "to_nested_lists"]

# The names of Ray's tensor types. Their classes are in ray.data, which takes a second to import.
_FIXED_SHAPE = ("ray.data.arrow_tensor", "ray.data.arrow_tensor_v2", "arrow.fixed_shape_tensor")
_VARIABLE_SHAPE = "ray.data.arrow_variable_shaped_tensor"
_BYTES_PER_CHARACTER = 4


def is_tensor(type_: pa.DataType) -> bool:
    """Tell whether a type holds tensors."""
    return isinstance(type_, pa.BaseExtensionType) and type_.extension_name in (*_FIXED_SHAPE, _VARIABLE_SHAPE)


def has_fixed_shape(type_: pa.DataType) -> bool:
    """Tell whether a type holds tensors of one shape, whose storage is a list of all numbers of a tensor."""
    return isinstance(type_, pa.BaseExtensionType) and type_.extension_name in _FIXED_SHAPE


def tensor_value(type_: pa.BaseExtensionType) -> tuple[pa.DataType, int]:
    """Return the type of a tensor's elements and its number of dimensions."""
    value: pa.DataType = type_.value_type
    if pa.types.is_fixed_size_binary(value):
        value = pa.string()  # NumPy's text of fixed width
    return value, type_.ndim if type_.extension_name == _VARIABLE_SHAPE else len(type_.shape)


def to_nested_lists(array: pa.ExtensionArray) -> pa.Array:
    """Return tensors as lists nested as deep as they have dimensions; a null tensor is a null list."""
    type_ = array.type
    if type_.extension_name == _VARIABLE_SHAPE:
        return _of_variable_shape(array.storage, type_.ndim)
    if type_.extension_name == "arrow.fixed_shape_tensor":
        return _of_arrow_tensors(array)
    if not type_.shape:
        return _only_numbers(array.storage)
    return _outer_lists(array.storage, tuple(type_.shape))


def _only_numbers(storage: pa.Array) -> pa.Array:
    flat = _text(storage.flatten())
    if not storage.null_count:
        return flat
    valid = storage.is_valid().to_numpy(zero_copy_only=False)
    return flat.take(pa.array(np.cumsum(valid) - 1, mask=~valid))


def _outer_lists(storage: pa.Array, shape: Sequence[int]) -> pa.Array:
    """Return lists of all numbers of a tensor as lists of their first dimension."""
    inner = math.prod(shape[1:])
    flat = _text(storage.flatten())  # without values of null tensors
    lengths = np.where(storage.is_valid().to_numpy(zero_copy_only=False), shape[0], 0)
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    expected = int(offsets[-1]) * inner
    if len(flat) != expected:
        message = f"A tensor column is damaged: {len(flat)} numbers where its shape {tuple(shape)} needs {expected}"
        raise pa.ArrowInvalid(message)
    return _lists(offsets, _fixed_size_lists(flat, shape[1:], int(offsets[-1])), storage)


def _of_arrow_tensors(array: pa.ExtensionArray) -> pa.Array:
    shape, permutation = tuple(array.type.shape), array.type.permutation
    storage = array.storage
    size = math.prod(shape)
    flat = storage.values.slice(storage.offset * size, len(storage) * size)
    if permutation is not None and list(permutation) != sorted(permutation):
        stored = flat.to_numpy(zero_copy_only=False).reshape((len(storage), *shape))
        logical = stored.transpose([0, *(axis + 1 for axis in permutation)])
        shape, flat = logical.shape[1:], pa.array(np.ascontiguousarray(logical).reshape(-1))
    lists = _fixed_size_lists(flat, shape, len(storage))
    validity = _validity(storage)
    return pa.Array.from_buffers(lists.type, len(lists), [validity], children=[lists.values])


def _of_variable_shape(storage: pa.StructArray, dimensions: int) -> pa.Array:
    valid = storage.is_valid()
    flat = _text(storage.field("data").filter(valid).flatten())
    shapes = storage.field("shape").filter(valid)
    # Ray allows tensors of fewer dimensions in a column.
    sizes = np.ones((len(shapes), dimensions), np.int64)
    counts = shapes.value_lengths().to_numpy(zero_copy_only=False).astype(np.int64)
    rows = np.repeat(np.arange(len(shapes)), counts)
    places = (
        np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(dimensions - counts, counts)
    )
    sizes[rows, places] = shapes.flatten().to_numpy(zero_copy_only=False)
    lengths = []  # of the lists on each level
    for dimension in range(dimensions):
        repeats = np.prod(sizes[:, :dimension], axis=1, dtype=np.int64)
        lengths.append(np.repeat(sizes[:, dimension], repeats))
    lists = flat
    for level in reversed(lengths[1:]):
        lists = _lists(np.concatenate([[0], np.cumsum(level)]), lists)
    outer = np.zeros(len(storage), np.int64)
    outer[valid.to_numpy(zero_copy_only=False)] = lengths[0]
    return _lists(np.concatenate([[0], np.cumsum(outer)]), lists, storage)


def _fixed_size_lists(flat: pa.Array, shape: Sequence[int], count: int) -> pa.Array:
    """Return ``count`` tensors of a shape as nested fixed-size lists; without dimensions, the numbers themselves."""
    lists = flat
    for level in range(len(shape) - 1, -1, -1):
        length = count * math.prod(shape[:level])
        lists = pa.Array.from_buffers(pa.list_(lists.type, shape[level]), length, [None], children=[lists])
    return lists


def _lists(offsets: npt.NDArray[np.int64], values: pa.Array, nulls_of: pa.Array | None = None) -> pa.Array:
    return pa.Array.from_buffers(
        pa.large_list(values.type),
        len(offsets) - 1,
        [None if nulls_of is None else _validity(nulls_of), pa.py_buffer(offsets.astype(np.int64))],
        children=[values],
    )


def _validity(array: pa.Array) -> pa.Buffer | None:
    return array.is_valid().buffers()[1] if array.null_count else None


def _text(values: pa.Array) -> pa.Array:
    if not pa.types.is_fixed_size_binary(values.type):
        return values
    width = values.type.byte_width // _BYTES_PER_CHARACTER
    characters = np.frombuffer(b"".join(value or b"" for value in values.to_pylist()), dtype=f"<U{width}")
    return pa.array(characters.tolist(), pa.large_string())
