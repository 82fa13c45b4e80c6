"""Converts schemas between Spark's types and the canonical Arrow types; derived from :mod:`.type_table`.

If several Spark types share an Arrow type, the Arrow field names its Spark type (:mod:`.field_metadata`), at any depth.
Every column comes back nullable: what either side declares about nulls is ignored.
"""

from __future__ import annotations

import logging
from typing import Any

import pyarrow as pa
from pyspark.errors import PySparkException
from pyspark.sql import types as spark_types

from raydp._exchange.types.canonical_types import (
    check_column_names,
    check_field_names,
    child_path,
    list_of,
    map_of,
    unsupported,
)
from raydp._exchange.types.field_metadata import arrow_metadata, declared_type, is_variant, spark_metadata
from raydp._exchange.types.type_table import REFUSED_TYPES, SCALAR_TYPES, ComesBack, ScalarType
from raydp.errors import RaydpError

__all__ = ["to_arrow_schema", "to_spark_schema"]

_logger = logging.getLogger(__name__)
# PySpark stores the length of char(n) and varchar(n) under this key of a column's metadata.
_CHAR_VARCHAR = "__CHAR_VARCHAR_TYPE_STRING"

_ROWS: dict[type[spark_types.DataType], ScalarType] = {
    getattr(spark_types, row.spark): row for row in SCALAR_TYPES if hasattr(spark_types, row.spark)
}
_LATER_TYPES = [row for row in SCALAR_TYPES if not hasattr(spark_types, row.spark)]
_SPARK_OF_ARROW: dict[pa.DataType, spark_types.DataType] = {
    row.arrow: spark_type(*row.usual_parameters)
    for spark_type, row in _ROWS.items()
    if row.comes_back is ComesBack.BY_ARROW_TYPE
}


def to_arrow_schema(schema: spark_types.StructType) -> pa.Schema:
    """Return the canonical Arrow schema for the schema of a DataFrame.

    Raises:
        InvalidArgumentError: The DataFrame has no columns, or two of the same name.
        UnsupportedTypeError: A column's type is not supported.
    """
    check_column_names(schema.names, "The DataFrame")
    return pa.schema([_arrow_field(field.name, field.dataType, field.name, field.metadata) for field in schema.fields])


def to_spark_schema(schema: pa.Schema) -> spark_types.StructType:
    """Return the Spark schema for a canonical Arrow schema."""
    return spark_types.StructType([_spark_field(field, field.name) for field in schema])


def _arrow_field(name: str, type_: spark_types.DataType, path: str, metadata: dict[str, Any] | None = None) -> pa.Field:
    kept = {key: value for key, value in (metadata or {}).items() if key != _CHAR_VARCHAR}
    return pa.field(name, _to_arrow(type_, path), metadata=arrow_metadata(kept, _type_json(type_)))


def _type_json(type_: spark_types.DataType) -> Any:
    """Return the Spark type that an Arrow field must name for its column to come back as this type, in JSON form."""
    if isinstance(type_, spark_types.UserDefinedType):
        # Without the pickled class: PySpark imports it by name. Readers of Ray's files must do the same.
        return {key: value for key, value in type_.jsonValue().items() if key != "serializedClass"}
    row = _ROWS.get(type(type_))
    if row is None or row.comes_back in (ComesBack.BY_TAG, ComesBack.AS_ANOTHER):
        return None
    is_usual = row.comes_back is ComesBack.BY_ARROW_TYPE and type_ == _SPARK_OF_ARROW[row.arrow]
    return None if is_usual else type_.simpleString()


def _to_arrow(type_: spark_types.DataType, path: str) -> pa.DataType:
    row = _ROWS.get(type(type_))
    if row is not None:
        return row.arrow
    if isinstance(type_, spark_types.DecimalType):
        return pa.decimal128(type_.precision, type_.scale)
    if isinstance(type_, spark_types.ArrayType):
        return list_of(_arrow_field("element", type_.elementType, child_path(path, "[]")))
    if isinstance(type_, spark_types.MapType):
        return map_of(
            _arrow_field("key", type_.keyType, child_path(path, "key")),
            _arrow_field("value", type_.valueType, child_path(path, "value")),
        )
    if isinstance(type_, spark_types.StructType):
        check_field_names(type_.names, path)
        return pa.struct(
            [
                _arrow_field(field.name, field.dataType, child_path(path, field.name), field.metadata)
                for field in type_.fields
            ]
        )
    if isinstance(type_, spark_types.UserDefinedType):
        return _to_arrow(type_.sqlType(), path)
    fix = REFUSED_TYPES.get(type(type_).__name__, "Cast or drop the column before the conversion")
    raise unsupported("Spark", type_.simpleString(), path, fix)


def _spark_field(field: pa.Field, path: str) -> spark_types.StructField:
    return spark_types.StructField(field.name, _spark_type(field, path), metadata=spark_metadata(field))


def _spark_type(field: pa.Field, path: str) -> spark_types.DataType:
    declared = declared_type(field.metadata)
    named = _named_type(declared, field.type) if declared is not None else None
    return _to_spark(field.type, path) if named is None else named


def _named_type(type_json: Any, type_: pa.DataType) -> spark_types.DataType | None:
    """Return the type that a field names, or ``None`` if it is unknown here or does not match the Arrow type."""
    named = {"name": "c", "type": type_json, "nullable": True, "metadata": {}}
    try:
        found = spark_types.StructField.fromJson(named).dataType
        return found if _to_arrow(found, "c").equals(type_) else None
    except (PySparkException, RaydpError, ImportError, AttributeError, LookupError, TypeError, ValueError) as error:
        _logger.info("A column stays %s; its Spark type %s is unknown here: %s", type_, type_json, error)
        return None


def _to_spark(type_: pa.DataType, path: str) -> spark_types.DataType:
    usual = _SPARK_OF_ARROW.get(type_)
    if usual is not None:
        return usual
    if pa.types.is_decimal128(type_):
        return spark_types.DecimalType(type_.precision, type_.scale)
    if pa.types.is_list(type_):
        return spark_types.ArrayType(_spark_type(type_.value_field, child_path(path, "[]")))
    if pa.types.is_map(type_):
        return spark_types.MapType(
            _spark_type(type_.key_field, child_path(path, "key")),
            _spark_type(type_.item_field, child_path(path, "value")),
        )
    for later in _LATER_TYPES:
        if type_ == later.arrow and (later.comes_back is not ComesBack.BY_TAG or is_variant(type_)):
            fix = f"Spark has a type for such values since version {later.since}; drop the column, or cast it"
            raise unsupported("Arrow", str(type_), path, fix)
    if pa.types.is_struct(type_):
        if is_variant(type_):
            return spark_types.VariantType()
        return spark_types.StructType([_spark_field(field, child_path(path, field.name)) for field in type_])
    raise unsupported("Arrow", str(type_), path, "The type is not canonical; this is a defect of raydp")
