package io.raydp.exchange;

import io.raydp.exchange.columns.ArrowLayout;
import io.raydp.exchange.columns.ColumnType;
import io.raydp.exchange.columns.SparkStrings;
import java.math.BigDecimal;
import java.math.BigInteger;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.Decimal;
import org.apache.spark.sql.types.MapType;
import org.apache.spark.sql.types.NullType;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.vectorized.ColumnVector;
import org.apache.spark.sql.vectorized.ColumnarArray;
import org.apache.spark.sql.vectorized.ColumnarMap;
import org.apache.spark.unsafe.Platform;
import org.apache.spark.unsafe.types.UTF8String;

/**
 * An Arrow array in a mapped segment, which Spark reads in place. One final class for all types keeps the calls in
 * Spark's generated code monomorphic. It owns nothing and is valid until its segment is lent again.
 */
public final class SegmentColumnVector extends ColumnVector {
  private final long validity;
  private final long values;
  private final long offsets;
  private final int nulls;
  private final boolean hasNull;
  private final SegmentColumnVector[] children;

  private SegmentColumnVector(
      DataType type, long validity, long offsets, long values, int nulls, SegmentColumnVector... children) {
    super(type);
    this.validity = validity;
    this.offsets = offsets;
    this.values = values;
    // Only void columns have nulls without a bitmap, whatever the sender counted.
    this.nulls = validity == 0 && !(type instanceof NullType) ? 0 : nulls;
    this.hasNull = this.nulls > 0;
    this.children = children;
  }

  /** The columns of a schema, with {@code rows} rows each, whose Arrow arrays are all that {@code cursor} walks. */
  static SegmentColumnVector[] columns(StructType schema, NodeCursor cursor, long rows) {
    SegmentColumnVector[] columns = fields(schema, cursor, rows);
    cursor.requireEnd();
    return columns;
  }

  private static SegmentColumnVector[] fields(StructType schema, NodeCursor cursor, long rows) {
    SegmentColumnVector[] columns = new SegmentColumnVector[schema.length()];
    for (int i = 0; i < columns.length; i++) {
      columns[i] = column(schema.fields()[i].dataType(), cursor, rows);
    }
    return columns;
  }

  private static SegmentColumnVector column(DataType declared, NodeCursor cursor, long rows) {
    DataType type = ColumnType.storageOf(declared);
    ArrowLayout layout = ColumnType.of(type).layout();
    return switch (layout.kind()) {
      case NULLS -> nulls(type, cursor, rows);
      case BITS -> bits(type, cursor, rows);
      case FIXED_WIDTH -> fixedWidth(type, cursor, rows, layout.width());
      case BYTES -> bytes(type, cursor, rows);
      case LIST -> list((ArrayType) type, cursor, rows);
      case MAP -> map((MapType) type, cursor, rows);
      case STRUCT -> struct(type, layout.parts(type), cursor, rows);
    };
  }

  private static SegmentColumnVector bits(DataType type, NodeCursor cursor, long rows) {
    cursor.beginNode(2, rows);
    int nulls = cursor.nulls();
    long validity = cursor.validity();
    return new SegmentColumnVector(type, validity, 0, cursor.bits(), nulls);
  }

  private static SegmentColumnVector fixedWidth(DataType type, NodeCursor cursor, long rows, int width) {
    cursor.beginNode(2, rows);
    int nulls = cursor.nulls();
    long validity = cursor.validity();
    return new SegmentColumnVector(type, validity, 0, cursor.values(width), nulls);
  }

  private static SegmentColumnVector bytes(DataType type, NodeCursor cursor, long rows) {
    cursor.beginNode(3, rows);
    int nulls = cursor.nulls();
    long validity = cursor.validity();
    long offsets = cursor.offsets();
    return new SegmentColumnVector(type, validity, offsets, cursor.bytes(), nulls);
  }

  private static SegmentColumnVector list(ArrayType type, NodeCursor cursor, long rows) {
    cursor.beginNode(2, rows);
    int nulls = cursor.nulls();
    long validity = cursor.validity();
    long offsets = cursor.offsets();
    SegmentColumnVector elements = column(type.elementType(), cursor, cursor.end());
    return new SegmentColumnVector(type, validity, offsets, 0, nulls, elements);
  }

  private static SegmentColumnVector map(MapType type, NodeCursor cursor, long rows) {
    cursor.beginNode(2, rows);
    int nulls = cursor.nulls();
    long validity = cursor.validity();
    long offsets = cursor.offsets();
    long entries = cursor.end();
    cursor.beginNode(1, entries); // the struct of entries, which has no nulls
    cursor.validity();
    SegmentColumnVector keys = column(type.keyType(), cursor, entries);
    return new SegmentColumnVector(
        type, validity, offsets, 0, nulls, keys, column(type.valueType(), cursor, entries));
  }

  /** A struct, or another type whose values Spark assembles from the values of its children. */
  private static SegmentColumnVector struct(DataType type, StructType parts, NodeCursor cursor, long rows) {
    cursor.beginNode(1, rows);
    int nulls = cursor.nulls();
    long validity = cursor.validity();
    return new SegmentColumnVector(type, validity, 0, 0, nulls, fields(parts, cursor, rows));
  }

  private static SegmentColumnVector nulls(DataType type, NodeCursor cursor, long rows) {
    cursor.beginNode(0, rows);
    return new SegmentColumnVector(type, 0, 0, 0, cursor.length());
  }

  /** Does nothing: the vector does not own the segment. */
  @Override
  public void close() {}

  @Override
  public boolean hasNull() {
    return hasNull;
  }

  @Override
  public int numNulls() {
    return nulls;
  }

  @Override
  public boolean isNullAt(int row) {
    return hasNull && (validity == 0 || (Platform.getByte(null, validity + (row >> 3)) >> (row & 7) & 1) == 0);
  }

  @Override
  public boolean getBoolean(int row) {
    return (Platform.getByte(null, values + (row >> 3)) >> (row & 7) & 1) != 0;
  }

  @Override
  public byte getByte(int row) {
    return Platform.getByte(null, values + row);
  }

  @Override
  public short getShort(int row) {
    return Platform.getShort(null, values + ((long) row << 1));
  }

  @Override
  public int getInt(int row) {
    return Platform.getInt(null, values + ((long) row << 2));
  }

  @Override
  public long getLong(int row) {
    return Platform.getLong(null, values + ((long) row << 3));
  }

  @Override
  public float getFloat(int row) {
    return Platform.getFloat(null, values + ((long) row << 2));
  }

  @Override
  public double getDouble(int row) {
    return Platform.getDouble(null, values + ((long) row << 3));
  }

  @Override
  public Decimal getDecimal(int row, int precision, int scale) {
    if (isNullAt(row)) {
      return null;
    }
    long address = values + ((long) row << 4);
    long low = Platform.getLong(null, address);
    if (precision <= Decimal.MAX_LONG_DIGITS()) {
      return Decimal.createUnsafe(low, precision, scale);
    }
    byte[] bigEndian = new byte[16];
    Platform.putLong(bigEndian, Platform.BYTE_ARRAY_OFFSET, Long.reverseBytes(Platform.getLong(null, address + 8)));
    Platform.putLong(bigEndian, Platform.BYTE_ARRAY_OFFSET + 8, Long.reverseBytes(low));
    return Decimal.apply(new BigDecimal(new BigInteger(bigEndian), scale), precision, scale);
  }

  @Override
  public UTF8String getUTF8String(int row) {
    if (isNullAt(row)) {
      return null;
    }
    int start = offset(row);
    return SparkStrings.at(values + start, offset(row + 1) - start);
  }

  @Override
  public byte[] getBinary(int row) {
    if (isNullAt(row)) {
      return null;
    }
    int start = offset(row);
    byte[] bytes = new byte[offset(row + 1) - start];
    Platform.copyMemory(null, values + start, bytes, Platform.BYTE_ARRAY_OFFSET, bytes.length);
    return bytes;
  }

  @Override
  public ColumnarArray getArray(int row) {
    if (isNullAt(row)) {
      return null;
    }
    int start = offset(row);
    return new ColumnarArray(children[0], start, offset(row + 1) - start);
  }

  @Override
  public ColumnarMap getMap(int row) {
    if (isNullAt(row)) {
      return null;
    }
    int start = offset(row);
    return new ColumnarMap(children[0], children[1], start, offset(row + 1) - start);
  }

  @Override
  public SegmentColumnVector getChild(int ordinal) {
    return children[ordinal];
  }

  private int offset(int index) {
    return Platform.getInt(null, offsets + ((long) index << 2));
  }
}
