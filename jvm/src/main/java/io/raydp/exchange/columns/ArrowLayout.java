package io.raydp.exchange.columns;

import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructType;

/** How Arrow lays out a column in memory: the buffers after the validity bitmap, and the nested columns. */
public final class ArrowLayout {
  /** The layouts of the native side, in {@code native/core/arrow_schema.h}. */
  public enum Kind {
    /** Every slot is null, and there are no buffers. */
    NULLS,
    /** One bit per slot. */
    BITS,
    /** The same number of bytes per slot. */
    FIXED_WIDTH,
    /** Offsets, and the bytes that they point to. */
    BYTES,
    /** Offsets, and a nested column of elements. */
    LIST,
    /** Offsets, and nested columns of keys and values. */
    MAP,
    /** Nested columns that share the slots. */
    STRUCT
  }

  private final Kind kind;
  private final int width;
  private final StructType parts;

  private ArrowLayout(Kind kind, int width, StructType parts) {
    this.kind = kind;
    this.width = width;
    this.parts = parts;
  }

  static ArrowLayout of(Kind kind) {
    return new ArrowLayout(kind, 0, null);
  }

  static ArrowLayout fixedWidth(int bytes) {
    return new ArrowLayout(Kind.FIXED_WIDTH, bytes, null);
  }

  /** A struct of these parts, from which Spark assembles a value. */
  static ArrowLayout ofParts(StructType parts) {
    return new ArrowLayout(Kind.STRUCT, 0, parts);
  }

  public Kind kind() {
    return kind;
  }

  /** The bytes per slot of {@link Kind#FIXED_WIDTH}. */
  public int width() {
    return width;
  }

  /** The nested columns of {@link Kind#STRUCT}: the fields of a Spark struct, or the parts of another type. */
  public StructType parts(DataType type) {
    return parts == null ? (StructType) type : parts;
  }
}
