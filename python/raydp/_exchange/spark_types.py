"""Which Spark type is which canonical Arrow type; one to one.

Every column comes back nullable: neither side is held to what it declares about nulls.
"""

from __future__ import annotations

import pyarrow as pa
from pyspark.sql import types as spark_types

from raydp._exchange.canonical_types import (
    PLAIN_MICROSECONDS,
    UTC_MICROSECONDS,
    check_column_names,
    check_field_names,
    child_path,
    list_of,
    map_of,
    unsupported,
)

__all__ = ["arrow_schema", "spark_schema"]

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
    spark_types.CharType: pa.string(),
    spark_types.VarcharType: pa.string(),
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
}


def arrow_schema(schema: spark_types.StructType) -> pa.Schema:
    """Return the canonical Arrow schema in which a DataFrame crosses to Ray.

    Raises:
        InvalidArgumentError: The DataFrame has no columns, or two of the same name.
        UnsupportedTypeError: A column has a type that cannot cross.
    """
    check_column_names(schema.names, "The DataFrame")
    return pa.schema([pa.field(field.name, _to_arrow(field.dataType, field.name)) for field in schema.fields])


def spark_schema(schema: pa.Schema) -> spark_types.StructType:
    """Return the Spark schema of a canonical Arrow schema."""
    return spark_types.StructType([spark_types.StructField(field.name, _to_spark(field.type)) for field in schema])


def _to_arrow(type_: spark_types.DataType, path: str) -> pa.DataType:
    simple = _ARROW_OF_SPARK.get(type(type_))
    if simple is not None:
        return simple
    if isinstance(type_, spark_types.StringType) and type_.isUTF8BinaryCollation():
        return pa.string()
    if isinstance(type_, spark_types.DecimalType):
        return pa.decimal128(type_.precision, type_.scale)
    if isinstance(type_, spark_types.ArrayType):
        return list_of(_to_arrow(type_.elementType, child_path(path, "[]")))
    if isinstance(type_, spark_types.MapType):
        return map_of(
            _to_arrow(type_.keyType, child_path(path, "key")), _to_arrow(type_.valueType, child_path(path, "value"))
        )
    if isinstance(type_, spark_types.StructType):
        check_field_names(type_.names, path)
        return pa.struct(
            [pa.field(field.name, _to_arrow(field.dataType, child_path(path, field.name))) for field in type_.fields]
        )
    raise unsupported("Spark", type_.simpleString(), path, "Cast or drop the column before the conversion")


def _to_spark(type_: pa.DataType) -> spark_types.DataType:
    simple = _SPARK_OF_ARROW.get(type_)
    if simple is not None:
        return simple
    if pa.types.is_decimal128(type_):
        return spark_types.DecimalType(type_.precision, type_.scale)
    if pa.types.is_list(type_):
        return spark_types.ArrayType(_to_spark(type_.value_type))
    if pa.types.is_map(type_):
        return spark_types.MapType(_to_spark(type_.key_type), _to_spark(type_.item_type))
    if pa.types.is_struct(type_):
        return spark_types.StructType([spark_types.StructField(field.name, _to_spark(field.type)) for field in type_])
    raise unsupported("Arrow", str(type_), "?", "The type is not canonical; this is a defect of raydp")
