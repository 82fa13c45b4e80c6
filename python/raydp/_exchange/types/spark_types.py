"""Which Spark type is which canonical Arrow type.

Where several Spark types share an Arrow type, the Arrow field names the one that it came from
(:mod:`.field_metadata`), at any depth. Every column comes back nullable: neither side is held to what it
declares about nulls.
"""

from __future__ import annotations

import logging
from typing import Any

import pyarrow as pa
from pyspark.errors import PySparkException
from pyspark.sql import types as spark_types

from raydp._exchange.types.canonical_types import (
    CALENDAR_INTERVAL,
    DURATION,
    NANOSECOND_TIME,
    PLAIN_MICROSECONDS,
    UTC_MICROSECONDS,
    check_column_names,
    check_field_names,
    child_path,
    list_of,
    map_of,
    unsupported,
)
from raydp._exchange.types.field_metadata import VARIANT_TYPE, arrow_metadata, declared_type, is_variant, spark_metadata
from raydp.errors import RaydpError

__all__ = ["arrow_schema", "spark_schema"]

_logger = logging.getLogger(__name__)
# PySpark's types give it only as text; char(n) and varchar(n) come back as string.
_CHAR_VARCHAR = "__CHAR_VARCHAR_TYPE_STRING"
_MOST_TIME_DIGITS = 9

_ARROW_OF_SPARK: dict[type[spark_types.DataType], pa.DataType] = {
    spark_types.NullType: pa.null(),
    spark_types.BooleanType: pa.bool_(),
    spark_types.ByteType: pa.int8(),
    spark_types.ShortType: pa.int16(),
    spark_types.IntegerType: pa.int32(),
    spark_types.LongType: pa.int64(),
    spark_types.FloatType: pa.float32(),
    spark_types.DoubleType: pa.float64(),
    spark_types.BinaryType: pa.binary(),
    spark_types.DateType: pa.date32(),
    spark_types.TimestampType: UTC_MICROSECONDS,
    spark_types.TimestampNTZType: PLAIN_MICROSECONDS,
    spark_types.StringType: pa.string(),
    spark_types.CharType: pa.string(),
    spark_types.VarcharType: pa.string(),
    spark_types.TimeType: NANOSECOND_TIME,
    spark_types.DayTimeIntervalType: DURATION,
    # Arrow has a type for them, but PyArrow has none: Ray could neither show nor compute nor save them.
    spark_types.YearMonthIntervalType: pa.int32(),
    # And PyArrow's type of this one has no counterpart in NumPy, which stops Dataset.to_pandas.
    spark_types.CalendarIntervalType: CALENDAR_INTERVAL,
    spark_types.VariantType: VARIANT_TYPE,
}

_SPARK_OF_ARROW: dict[pa.DataType, spark_types.DataType] = {
    pa.null(): spark_types.NullType(),
    pa.bool_(): spark_types.BooleanType(),
    pa.int8(): spark_types.ByteType(),
    pa.int16(): spark_types.ShortType(),
    pa.int32(): spark_types.IntegerType(),
    pa.int64(): spark_types.LongType(),
    pa.float32(): spark_types.FloatType(),
    pa.float64(): spark_types.DoubleType(),
    pa.string(): spark_types.StringType(),
    pa.binary(): spark_types.BinaryType(),
    pa.date32(): spark_types.DateType(),
    UTC_MICROSECONDS: spark_types.TimestampType(),
    PLAIN_MICROSECONDS: spark_types.TimestampNTZType(),
    NANOSECOND_TIME: spark_types.TimeType(_MOST_TIME_DIGITS),
    DURATION: spark_types.DayTimeIntervalType(),
}


def arrow_schema(schema: spark_types.StructType) -> pa.Schema:
    """Return the canonical Arrow schema in which a DataFrame crosses to Ray.

    Raises:
        InvalidArgumentError: The DataFrame has no columns, or two of the same name.
        UnsupportedTypeError: A column has a type that cannot cross.
    """
    check_column_names(schema.names, "The DataFrame")
    return pa.schema([_arrow_field(field.name, field.dataType, field.name, field.metadata) for field in schema.fields])


def spark_schema(schema: pa.Schema) -> spark_types.StructType:
    """Return the Spark schema of a canonical Arrow schema."""
    return spark_types.StructType([_spark_field(field) for field in schema])


def _arrow_field(name: str, type_: spark_types.DataType, path: str, metadata: dict[str, Any] | None = None) -> pa.Field:
    kept = {key: value for key, value in (metadata or {}).items() if key != _CHAR_VARCHAR}
    return pa.field(name, _to_arrow(type_, path), metadata=arrow_metadata(kept, _type_json(type_)))


def _type_json(type_: spark_types.DataType) -> Any:
    """Return what an Arrow field must say to come back as this type, ``None`` if it need not say anything."""
    if isinstance(type_, spark_types.UserDefinedType):
        # Without the pickled class: PySpark imports it by name, and so must whoever reads a file of Ray's.
        return {key: value for key, value in type_.jsonValue().items() if key != "serializedClass"}
    says_more = (
        spark_types.StringType,
        spark_types.TimeType,
        spark_types.DayTimeIntervalType,
        spark_types.YearMonthIntervalType,
        spark_types.CalendarIntervalType,
    )
    if isinstance(type_, says_more) and type_ != _SPARK_OF_ARROW.get(_ARROW_OF_SPARK[type(type_)]):
        return type_.simpleString()
    return None


def _to_arrow(type_: spark_types.DataType, path: str) -> pa.DataType:
    simple = _ARROW_OF_SPARK.get(type(type_))
    if simple is not None:
        return simple
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
    if isinstance(type_, spark_types.SpatialType):
        raise unsupported("Spark", type_.simpleString(), path, "Convert it to well-known binary with ST_AsBinary")
    raise unsupported("Spark", type_.simpleString(), path, "Cast or drop the column before the conversion")


def _spark_field(field: pa.Field) -> spark_types.StructField:
    return spark_types.StructField(field.name, _spark_type(field), metadata=spark_metadata(field))


def _spark_type(field: pa.Field) -> spark_types.DataType:
    declared = declared_type(field.metadata)
    return (_named_type(declared, field.type) if declared is not None else None) or _to_spark(field.type)


def _named_type(type_json: Any, type_: pa.DataType) -> spark_types.DataType | None:
    """Return the type that a field names, ``None`` where it is not known here or not that of the values any more."""
    named = {"name": "c", "type": type_json, "nullable": True, "metadata": {}}
    try:
        found = spark_types.StructField.fromJson(named).dataType
        return found if _to_arrow(found, "c").equals(type_) else None
    except (PySparkException, RaydpError, ImportError, AttributeError, LookupError, TypeError, ValueError) as error:
        _logger.info("A column stays %s; its Spark type %s is not known here: %s", type_, type_json, error)
        return None


def _to_spark(type_: pa.DataType) -> spark_types.DataType:
    simple = _SPARK_OF_ARROW.get(type_)
    if simple is not None:
        return simple
    if pa.types.is_decimal128(type_):
        return spark_types.DecimalType(type_.precision, type_.scale)
    if pa.types.is_list(type_):
        return spark_types.ArrayType(_spark_type(type_.value_field))
    if pa.types.is_map(type_):
        return spark_types.MapType(_spark_type(type_.key_field), _spark_type(type_.item_field))
    if pa.types.is_struct(type_):
        if is_variant(type_):
            return spark_types.VariantType()
        return spark_types.StructType([_spark_field(field) for field in type_])
    raise unsupported("Arrow", str(type_), "?", "The type is not canonical; this is a defect of raydp")
