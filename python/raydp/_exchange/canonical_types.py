"""The *canonical* Arrow types, the only ones that cross shared memory, and the way to them from Ray's blocks.

Canonical are exactly the Arrow types that have one Spark type each (:mod:`.spark_types`). What else is
found in Ray's blocks is widened to one of them where no value can be lost by that, or refused.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pyarrow as pa

from raydp._errors import InvalidArgumentError, UnsupportedTypeError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "PLAIN_MICROSECONDS",
    "UTC_MICROSECONDS",
    "canonical_schema",
    "check_column_names",
    "check_field_names",
    "child_path",
    "list_of",
    "map_of",
    "unsupported",
]

UTC_MICROSECONDS = pa.timestamp("us", tz="UTC")
PLAIN_MICROSECONDS = pa.timestamp("us")

_SIMPLE = (
    pa.null(),
    pa.bool_(),
    pa.int8(),
    pa.int16(),
    pa.int32(),
    pa.int64(),
    pa.float32(),
    pa.float64(),
    pa.string(),
    pa.binary(),
    pa.date32(),
)

# Widened to the next type that holds every value; uint64 has none, so that its values are checked.
_CANONICAL_OF_ARROW: dict[pa.DataType, pa.DataType] = {
    **{canonical: canonical for canonical in _SIMPLE},
    pa.uint8(): pa.int16(),
    pa.uint16(): pa.int32(),
    pa.uint32(): pa.int64(),
    pa.uint64(): pa.int64(),
    pa.float16(): pa.float32(),
    pa.large_string(): pa.string(),
    pa.large_binary(): pa.binary(),
    pa.date64(): pa.date32(),
}

_LONGEST_TYPE_NAME = 200


def canonical_schema(schema: pa.Schema) -> pa.Schema:
    """Return the canonical form of the Arrow schema of Ray's blocks, without metadata.

    Raises:
        InvalidArgumentError: The schema has no columns, or two of the same name.
        UnsupportedTypeError: A column has a type that cannot cross.
    """
    check_column_names(schema.names, "The Dataset")
    return pa.schema([pa.field(field.name, _to_canonical(field.type, field.name)) for field in schema])


def child_path(path: str, child: str) -> str:
    """Return the name of a nested value in messages: ``order.lines[].price``, ``labels.key``."""
    return f"{path}{child}" if child == "[]" or not path else f"{path}.{child}"


def list_of(element: pa.DataType) -> pa.DataType:
    return pa.list_(pa.field("element", element))


def map_of(key: pa.DataType, value: pa.DataType) -> pa.DataType:
    return pa.map_(pa.field("key", key, nullable=False), pa.field("value", value))


def check_column_names(names: Iterable[str], owner: str) -> None:
    counts = Counter(names)
    if not counts:
        raise InvalidArgumentError(f"{owner} has no columns, so there is nothing to convert. Select at least one.")
    twice = sorted(name for name, count in counts.items() if count > 1)
    if twice:
        raise InvalidArgumentError(
            f"{owner} has several columns of the same name; rename them before the conversion: {', '.join(twice)}"
        )


def check_field_names(names: Iterable[str], path: str) -> None:
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise InvalidArgumentError(
            f"A struct has several fields of the same name; rename them before the conversion: "
            f"column {path!r}, fields {', '.join(twice)}"
        )


def unsupported(side: str, name: str, path: str, fix: str) -> UnsupportedTypeError:
    shown = name if len(name) <= _LONGEST_TYPE_NAME else f"{name[:_LONGEST_TYPE_NAME]}..."
    return UnsupportedTypeError(
        f"A column has a type that cannot cross between Spark and Ray. {fix}: column {path!r}, {side} type {shown}"
    )


def _to_canonical(type_: pa.DataType, path: str) -> pa.DataType:
    simple = _CANONICAL_OF_ARROW.get(type_)
    if simple is not None:
        return simple
    if pa.types.is_timestamp(type_):
        return PLAIN_MICROSECONDS if type_.tz is None else UTC_MICROSECONDS
    if pa.types.is_fixed_size_binary(type_) and not pa.types.is_decimal(type_):
        return pa.binary()
    if pa.types.is_decimal32(type_) or pa.types.is_decimal64(type_) or pa.types.is_decimal128(type_):
        if 0 <= type_.scale <= type_.precision:
            return pa.decimal128(type_.precision, type_.scale)
        raise unsupported("Arrow", str(type_), path, "Spark's decimals have scales from 0 to their precision")
    if pa.types.is_list(type_) or pa.types.is_large_list(type_) or pa.types.is_fixed_size_list(type_):
        return list_of(_to_canonical(type_.value_type, child_path(path, "[]")))
    if pa.types.is_map(type_):
        return _canonical_map(type_, path)
    if pa.types.is_struct(type_):
        check_field_names([field.name for field in type_], path)
        return pa.struct(
            [pa.field(field.name, _to_canonical(field.type, child_path(path, field.name))) for field in type_]
        )
    raise unsupported("Arrow", str(type_), path, "Cast or drop the column in the Dataset before the conversion")


def _canonical_map(type_: pa.MapType, path: str) -> pa.DataType:
    key = _to_canonical(type_.key_type, child_path(path, "key"))
    if pa.types.is_map(key) or pa.types.is_null(key):
        raise unsupported("Arrow", str(type_), path, "Spark's maps cannot have maps or nulls as keys")
    return map_of(key, _to_canonical(type_.item_type, child_path(path, "value")))
