"""Which canonical Arrow type each Arrow type of Ray's blocks becomes; derived from :mod:`.type_table`.

Other types are decoded and widened where no value can be lost by that, or refused.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pyarrow as pa

from raydp._exchange.types.field_metadata import is_variant, kept_metadata, user_defined_class
from raydp._exchange.types.tensors import is_tensor, tensor_value
from raydp._exchange.types.type_table import (
    EXTENSIONS,
    PLAIN_MICROSECONDS,
    SCALAR_TYPES,
    UTC_MICROSECONDS,
    VARIANT_TYPE,
)
from raydp._exchange.types.vectors import DENSE_FORMS
from raydp.errors import InvalidArgumentError, UnsupportedTypeError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "check_column_names",
    "check_field_names",
    "child_path",
    "is_wider",
    "list_of",
    "map_of",
    "to_canonical_schema",
    "unsupported",
]

# Timestamps, decimals and nested types have rules of their own below.
_CANONICAL_OF_ARROW: dict[pa.DataType, pa.DataType] = {
    **{row.arrow: row.arrow for row in SCALAR_TYPES if not pa.types.is_nested(row.arrow)},
    **{source: row.arrow for row in SCALAR_TYPES for source in row.sources},
}
# The name of the Spark type that the field of such a column gets.
_SPARK_NAMES = {source: name for row in SCALAR_TYPES for source, name in row.sources.items() if name is not None}

_MOST_DIGITS = 38
_LONGEST_TYPE_NAME = 200
_PICKLED = "ray.data.arrow_pickled_object"


def to_canonical_schema(schema: pa.Schema) -> pa.Schema:
    """Return the canonical schema for an Arrow schema of Ray's blocks. Fields keep their metadata.

    Raises:
        InvalidArgumentError: The schema has no columns, or two of the same name.
        UnsupportedTypeError: A column's type is not supported.
    """
    check_column_names(schema.names, "The Dataset")
    return pa.schema([_canonical_field(field, field.name) for field in schema])


def child_path(path: str, child: str) -> str:
    """Return how messages name a nested value: ``order.lines[].price``, ``labels.key``."""
    return f"{path}{child}" if child == "[]" or not path else f"{path}.{child}"


def list_of(element: pa.DataType | pa.Field) -> pa.DataType:
    """Return the canonical list type."""
    return pa.list_(_child("element", element))


def map_of(key: pa.DataType | pa.Field, value: pa.DataType | pa.Field) -> pa.DataType:
    """Return the canonical map type."""
    key_field = _child("key", key)
    return pa.map_(pa.field("key", key_field.type, nullable=False, metadata=key_field.metadata), _child("value", value))


def check_column_names(names: Iterable[str], owner: str) -> None:
    """Refuse no columns, and two columns of the same name.

    Args:
        names: Names of the columns.
        owner: What messages call their owner.
    """
    counts = Counter(names)
    if not counts:
        raise InvalidArgumentError(f"{owner} has no columns, so there is nothing to convert. Select at least one.")
    twice = sorted(name for name, count in counts.items() if count > 1)
    if twice:
        raise InvalidArgumentError(
            f"{owner} has several columns of the same name; rename them before the conversion: {', '.join(twice)}"
        )


def check_field_names(names: Iterable[str], path: str) -> None:
    """Refuse a struct with two fields of the same name."""
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise InvalidArgumentError(
            f"A struct has several fields of the same name; rename them before the conversion: "
            f"column {path!r}, fields {', '.join(twice)}"
        )


def unsupported(side: str, name: str, path: str, fix: str) -> UnsupportedTypeError:
    """Return the error for a type that is not supported.

    Args:
        side: ``"Spark"`` or ``"Arrow"``.
        name: The type.
        path: The column.
        fix: What to do.
    """
    shown = name if len(name) <= _LONGEST_TYPE_NAME else f"{name[:_LONGEST_TYPE_NAME]}..."
    return UnsupportedTypeError(
        f"A column has a type that cannot be converted between Spark and Ray. {fix}: column {path!r}, {side} type "
        f"{shown}"
    )


def is_wider(wide: pa.DataType, narrow: pa.DataType) -> bool:
    """Tell whether all values of a canonical type can become another one, as Arrow promotes them.

    Two decimals together can need more digits than either has, and more than Spark has.
    """
    if wide.equals(narrow):
        return True
    both = [pa.schema([pa.field("", type_)]) for type_ in (wide, narrow)]
    try:
        promoted = pa.unify_schemas(both, promote_options="permissive").field(0).type
    except pa.ArrowTypeError:
        return False
    return bool(promoted.equals(wide))


def _child(name: str, child: pa.DataType | pa.Field) -> pa.Field:
    return child.with_name(name) if isinstance(child, pa.Field) else pa.field(name, child)


def _canonical_field(field: pa.Field, path: str) -> pa.Field:
    return pa.field(
        field.name,
        _to_canonical(field.type, path, user_defined_class(field.metadata)),
        metadata=kept_metadata(field.metadata, _SPARK_NAMES.get(field.type)),
    )


def _to_canonical(type_: pa.DataType, path: str, user_defined: str | None = None) -> pa.DataType:
    simple = _CANONICAL_OF_ARROW.get(type_)
    if simple is not None:
        return simple
    if isinstance(type_, pa.BaseExtensionType):
        return _canonical_extension(type_, path, user_defined)
    if pa.types.is_dictionary(type_) or pa.types.is_run_end_encoded(type_):
        return _to_canonical(type_.value_type, path)
    if pa.types.is_timestamp(type_):
        return PLAIN_MICROSECONDS if type_.tz is None else UTC_MICROSECONDS
    if pa.types.is_decimal(type_):
        return _canonical_decimal(type_, path)
    if pa.types.is_fixed_size_binary(type_):
        return pa.binary()
    if pa.types.is_map(type_):
        return _canonical_map(type_, path)
    if pa.types.is_struct(type_):
        if is_variant(type_):
            return VARIANT_TYPE
        check_field_names([field.name for field in type_], path)
        return pa.struct([_canonical_field(field, child_path(path, field.name)) for field in type_])
    if _is_list(type_):
        return list_of(_canonical_field(type_.value_field, child_path(path, "[]")))
    raise unsupported("Arrow", str(type_), path, "Cast or drop the column in the Dataset before the conversion")


def _is_list(type_: pa.DataType) -> bool:
    kinds = ("list", "large_list", "fixed_size_list", "list_view", "large_list_view")
    return any(getattr(pa.types, f"is_{kind}")(type_) for kind in kinds)


def _canonical_extension(type_: pa.BaseExtensionType, path: str, user_defined: str | None) -> pa.DataType:
    if type_.extension_name in EXTENSIONS:
        return EXTENSIONS[type_.extension_name]
    if not is_tensor(type_):
        fix = (
            "Ray Data pickled its values, because they have no common Arrow type; give them one with map_batches"
            if type_.extension_name == _PICKLED
            else "Cast it to a plain type in the Dataset, for example its storage type, or drop the column"
        )
        raise unsupported("Arrow", str(type_), path, fix)
    value, dimensions = tensor_value(type_)
    vector, vector_dimensions = DENSE_FORMS.get(user_defined or "", (None, 0))
    if dimensions == vector_dimensions and value == pa.float64():
        return vector
    nested = _to_canonical(value, child_path(path, "[]" * dimensions) if dimensions else path)
    for _ in range(dimensions):
        nested = list_of(nested)
    return nested


def _canonical_decimal(type_: pa.DataType, path: str) -> pa.DataType:
    # Spark's scales go from 0 to the precision. Values of a decimal256 may fit; they are checked one by one.
    scale = max(type_.scale, 0)
    precision = max(type_.precision + scale - type_.scale, scale)
    if pa.types.is_decimal256(type_):
        precision = min(precision, _MOST_DIGITS)
    if scale <= precision <= _MOST_DIGITS:
        return pa.decimal128(precision, scale)
    raise unsupported(
        "Arrow", str(type_), path, f"Spark's decimals have {_MOST_DIGITS} digits; cast or drop the column"
    )


def _canonical_map(type_: pa.MapType, path: str) -> pa.DataType:
    key = _canonical_field(type_.key_field, child_path(path, "key"))
    if pa.types.is_map(key.type) or pa.types.is_null(key.type):
        raise unsupported("Arrow", str(type_), path, "Spark's maps cannot have maps or nulls as keys")
    return map_of(key, _canonical_field(type_.item_field, child_path(path, "value")))
