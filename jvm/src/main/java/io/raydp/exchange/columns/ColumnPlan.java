package io.raydp.exchange.columns;

import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;

/**
 * A column that a writer is made for, or a nested part of one.
 *
 * <p>It is no record, because the compiler of Scala 2.12 cannot read one.
 */
final class ColumnPlan {
  final BlockSpace space;

  /** Its slots. */
  final Extent extent;

  /** How messages name it. */
  final String path;

  /** The type in which Spark stores its values. */
  final DataType type;

  private ColumnPlan(BlockSpace space, Extent extent, String path, DataType type) {
    this.space = space;
    this.extent = extent;
    this.path = path;
    this.type = type;
  }

  /** The writers of a schema's columns. */
  static ColumnWriter[] writers(BlockSpace space, StructType schema) {
    return writers(space, space.rows(), "", schema);
  }

  /** The writers of the column's parts, which share its slots. */
  ColumnWriter[] writers(StructType parts) {
    return writers(space, extent, path + ".", parts);
  }

  /** The writer of a nested part, which has slots of its own. */
  ColumnWriter writer(Extent slots, String name, DataType declared) {
    return writer(space, slots, path + "." + name, declared);
  }

  private static ColumnWriter[] writers(BlockSpace space, Extent extent, String prefix, StructType schema) {
    StructField[] fields = schema.fields();
    ColumnWriter[] writers = new ColumnWriter[fields.length];
    for (int i = 0; i < fields.length; i++) {
      writers[i] = writer(space, extent, prefix + fields[i].name(), fields[i].dataType());
    }
    return writers;
  }

  private static ColumnWriter writer(BlockSpace space, Extent extent, String path, DataType declared) {
    DataType type = ColumnType.storageOf(declared);
    return ColumnType.of(type).newWriter(new ColumnPlan(space, extent, path, type));
  }
}
