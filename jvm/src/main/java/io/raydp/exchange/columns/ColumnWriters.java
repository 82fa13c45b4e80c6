package io.raydp.exchange.columns;

import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.BinaryType;
import org.apache.spark.sql.types.BooleanType;
import org.apache.spark.sql.types.ByteType;
import org.apache.spark.sql.types.CalendarIntervalType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DateType;
import org.apache.spark.sql.types.DayTimeIntervalType;
import org.apache.spark.sql.types.DecimalType;
import org.apache.spark.sql.types.DoubleType;
import org.apache.spark.sql.types.FloatType;
import org.apache.spark.sql.types.IntegerType;
import org.apache.spark.sql.types.LongType;
import org.apache.spark.sql.types.MapType;
import org.apache.spark.sql.types.NullType;
import org.apache.spark.sql.types.ShortType;
import org.apache.spark.sql.types.StringType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.types.TimeType;
import org.apache.spark.sql.types.TimestampNTZType;
import org.apache.spark.sql.types.TimestampType;
import org.apache.spark.sql.types.UserDefinedType;
import org.apache.spark.sql.types.VariantType;
import org.apache.spark.sql.types.YearMonthIntervalType;

/** Builds the tree of writers of a schema that {@code io.raydp.exchange.ColumnTypes} has already accepted. */
final class ColumnWriters {
  private ColumnWriters() {}

  static ColumnWriter[] of(BlockSpace space, StructType schema) {
    return fields(space, space.rows(), "", schema);
  }

  private static ColumnWriter[] fields(BlockSpace space, Extent extent, String prefix, StructType schema) {
    StructField[] fields = schema.fields();
    ColumnWriter[] writers = new ColumnWriter[fields.length];
    for (int i = 0; i < fields.length; i++) {
      writers[i] = of(space, extent, prefix + fields[i].name(), fields[i].dataType());
    }
    return writers;
  }

  private static ColumnWriter of(BlockSpace space, Extent extent, String path, DataType type) {
    if (type instanceof BooleanType) {
      return new BooleanColumn(space, extent);
    } else if (type instanceof DecimalType decimal) {
      return new DecimalColumn(space, extent, path, decimal);
    } else if (type instanceof StringType || type instanceof BinaryType) {
      return new BytesColumn(space, extent, path, type instanceof BinaryType);
    } else if (type instanceof ArrayType array) {
      String element = path + ".element";
      return new ListColumn(space, extent, element, inner -> of(space, inner, element, array.elementType()));
    } else if (type instanceof MapType map) {
      return new MapColumn(
          space,
          extent,
          path + ".entries",
          inner -> of(space, inner, path + ".key", map.keyType()),
          inner -> of(space, inner, path + ".value", map.valueType()));
    } else if (type instanceof StructType struct) {
      return new StructColumn(space, extent, fields(space, extent, path + ".", struct));
    } else if (type instanceof NullType) {
      return new NullColumn(space, extent);
    } else if (type instanceof CalendarIntervalType) {
      return new CalendarIntervalColumn(space, extent);
    } else if (type instanceof VariantType) {
      return new VariantColumn(space, extent, path);
    } else if (type instanceof UserDefinedType<?> userDefined) {
      return of(space, extent, path, userDefined.sqlType());
    } else {
      return new FixedWidthColumn(space, extent, kindOf(type, path));
    }
  }

  private static FixedWidthColumn.Kind kindOf(DataType type, String path) {
    if (type instanceof ByteType) {
      return FixedWidthColumn.Kind.BYTE;
    } else if (type instanceof ShortType) {
      return FixedWidthColumn.Kind.SHORT;
    } else if (type instanceof IntegerType || type instanceof DateType || type instanceof YearMonthIntervalType) {
      return FixedWidthColumn.Kind.INT;
    } else if (type instanceof LongType
        || type instanceof TimestampType
        || type instanceof TimestampNTZType
        || type instanceof TimeType
        || type instanceof DayTimeIntervalType) {
      return FixedWidthColumn.Kind.LONG;
    } else if (type instanceof FloatType) {
      return FixedWidthColumn.Kind.FLOAT;
    } else if (type instanceof DoubleType) {
      return FixedWidthColumn.Kind.DOUBLE;
    }
    throw new IllegalArgumentException("No writer for a column that passed the schema check: " + path + ": " + type);
  }
}
