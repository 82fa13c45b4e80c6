package io.raydp.exchange.columns;

import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DecimalType;
import org.apache.spark.sql.types.MapType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;

/** Builds the tree of writers of a schema. */
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

  private static ColumnWriter of(BlockSpace space, Extent extent, String path, DataType declared) {
    DataType type = ColumnType.storageOf(declared);
    return switch (ColumnType.of(type)) {
      case BOOLEAN -> new BooleanColumn(space, extent);
      case BYTE -> new FixedWidthColumn(space, extent, Primitive.BYTE);
      case SHORT -> new FixedWidthColumn(space, extent, Primitive.SHORT);
      case INT -> new FixedWidthColumn(space, extent, Primitive.INT);
      case LONG -> new FixedWidthColumn(space, extent, Primitive.LONG);
      case FLOAT -> new FixedWidthColumn(space, extent, Primitive.FLOAT);
      case DOUBLE -> new FixedWidthColumn(space, extent, Primitive.DOUBLE);
      case DECIMAL -> new DecimalColumn(space, extent, path, (DecimalType) type);
      case STRING -> new BytesColumn(space, extent, path, false);
      case BINARY -> new BytesColumn(space, extent, path, true);
      case LIST -> list(space, extent, path + ".element", (ArrayType) type);
      case MAP -> map(space, extent, path, (MapType) type);
      case STRUCT -> new StructColumn(space, extent, fields(space, extent, path + ".", (StructType) type));
      case VARIANT -> new VariantColumn(space, extent, path);
      case CALENDAR_INTERVAL -> new CalendarIntervalColumn(space, extent);
      case VOID -> new NullColumn(space, extent);
    };
  }

  private static ListColumn list(BlockSpace space, Extent extent, String elementPath, ArrayType array) {
    return new ListColumn(
        space, extent, elementPath, elements -> of(space, elements, elementPath, array.elementType()));
  }

  private static MapColumn map(BlockSpace space, Extent extent, String path, MapType map) {
    return new MapColumn(
        space,
        extent,
        path + ".entries",
        entries -> of(space, entries, path + ".key", map.keyType()),
        entries -> of(space, entries, path + ".value", map.valueType()));
  }
}
