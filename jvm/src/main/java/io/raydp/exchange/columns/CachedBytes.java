package io.raydp.exchange.columns;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.apache.spark.sql.catalyst.expressions.UnsafeArrayData;
import org.apache.spark.sql.catalyst.expressions.UnsafeMapData;
import org.apache.spark.sql.catalyst.expressions.UnsafeRow;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.Decimal;
import org.apache.spark.sql.types.DecimalType;
import org.apache.spark.sql.types.StringType;
import org.apache.spark.sql.vectorized.ColumnVector;
import org.apache.spark.sql.vectorized.ColumnarArray;
import org.apache.spark.sql.vectorized.ColumnarMap;
import org.apache.spark.unsafe.Platform;
import org.apache.spark.unsafe.types.UTF8String;

/**
 * One column of a batch in Spark's cache whose values are bytes: strings, binaries, decimals, and structs, arrays and
 * maps in their unsafe form. The values are read in place.
 *
 * <p>The format is that of {@code org.apache.spark.sql.execution.columnar.ColumnBuilder}, integers in native order: the
 * number of nulls, the positions of the nulls, then the values that are not null. For strings and decimals of up to
 * 18 digits, the values follow the number of their compression scheme; other values are not compressed. A value is its
 * length and its bytes. A decimal of up to 18 digits is 8 bytes, and a longer one is a big-endian integer.
 */
public final class CachedBytes extends ColumnVector {
  private static final VarHandle INT = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.nativeOrder());
  private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.nativeOrder());
  private static final VarHandle SHORT = MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.nativeOrder());
  private static final int PLAIN = 0;
  private static final int RUNS = 1;
  private static final int DICTIONARY = 2;
  private static final int NULL = -1;

  private byte[] column = {};
  private int[] starts = {};
  private int[] lengths = {};
  private int nulls;

  /** The rows below this one are located. Values of varying length are located in order, when they are read. */
  private int located;

  private int nextPosition;
  private final UnsafeArrayData array = new UnsafeArrayData();
  private final UnsafeMapData map = new UnsafeMapData();
  private UnsafeRow struct;

  public CachedBytes(DataType type) {
    super(type);
  }

  /** Reads the column of another batch, without copying its values. */
  public void read(byte[] cached, int rows) {
    column = cached;
    if (lengths.length < rows) {
      starts = new int[rows];
      lengths = new int[rows];
    }
    nulls = intAt(0);
    Arrays.fill(lengths, 0, rows, 0);
    for (int i = 1; i <= nulls; i++) {
      lengths[intAt(Integer.BYTES * i)] = NULL;
    }
    int position = Integer.BYTES * (1 + nulls);
    int scheme = PLAIN;
    located = rows;
    boolean isCompact = isCompactDecimal(type);
    if (isCompact || type instanceof StringType) {
      scheme = intAt(position);
      position += Integer.BYTES;
    }
    switch (scheme) {
      case PLAIN -> {
        if (isCompact) {
          readLongs(position, rows);
        } else {
          located = 0;
          nextPosition = position;
        }
      }
      case RUNS -> readRuns(position, rows);
      case DICTIONARY -> readDictionary(position, rows);
      default -> throw new IllegalStateException(
          "Spark's cache uses a compression scheme that this version of raydp does not know. Set "
              + "spark.sql.inMemoryColumnarStorage.compressed to false, or upgrade raydp. Compression scheme: "
              + scheme);
    }
  }

  private void locate(int row) {
    for (; located <= row; located++) {
      if (lengths[located] != NULL) {
        int length = intAt(nextPosition);
        starts[located] = nextPosition + Integer.BYTES;
        lengths[located] = length;
        nextPosition += Integer.BYTES + length;
      }
    }
  }

  private void readLongs(int begin, int rows) {
    int position = begin;
    for (int row = 0; row < rows; row++) {
      if (lengths[row] != NULL) {
        starts[row] = position;
        lengths[row] = Long.BYTES;
        position += Long.BYTES;
      }
    }
  }

  private void readRuns(int begin, int rows) {
    int position = begin;
    int start = 0;
    int length = 0;
    int left = 0;
    for (int row = 0; row < rows; row++) {
      if (lengths[row] == NULL) {
        continue;
      }
      if (left == 0) {
        length = intAt(position);
        start = position + Integer.BYTES;
        left = intAt(start + length);
        position = start + length + Integer.BYTES;
      }
      starts[row] = start;
      lengths[row] = length;
      left--;
    }
  }

  private void readDictionary(int begin, int rows) {
    int[] entries = new int[intAt(begin)];
    int position = begin + Integer.BYTES;
    for (int entry = 0; entry < entries.length; entry++) {
      entries[entry] = position;
      position += Integer.BYTES + intAt(position);
    }
    for (int row = 0; row < rows; row++) {
      if (lengths[row] != NULL) {
        int entry = entries[(short) SHORT.get(column, position)];
        position += Short.BYTES;
        starts[row] = entry + Integer.BYTES;
        lengths[row] = intAt(entry);
      }
    }
  }

  private int intAt(int position) {
    return (int) INT.get(column, position);
  }

  /** Returns the object that {@link #offset} is relative to. */
  Object base() {
    return column;
  }

  /** Returns the offset of a row's value. Here and below, call {@link #isNullAt} first: it locates the value. */
  long offset(int row) {
    return Platform.BYTE_ARRAY_OFFSET + starts[row];
  }

  int length(int row) {
    return lengths[row];
  }

  @Override
  public boolean hasNull() {
    return nulls > 0;
  }

  @Override
  public int numNulls() {
    return nulls;
  }

  @Override
  public boolean isNullAt(int row) {
    if (row >= located) {
      locate(row);
    }
    return lengths[row] == NULL;
  }

  @Override
  public Decimal getDecimal(int row, int precision, int scale) {
    if (isNullAt(row)) {
      return null;
    }
    if (precision <= Decimal.MAX_LONG_DIGITS()) {
      return Decimal.createUnsafe((long) LONG.get(column, starts[row]), precision, scale);
    }
    BigInteger unscaled = new BigInteger(column, starts[row], lengths[row]);
    return Decimal.apply(new BigDecimal(unscaled, scale), precision, scale);
  }

  /** Returns the struct, which is valid until the next call. */
  UnsafeRow structAt(int row, int fields) {
    if (struct == null) {
      struct = new UnsafeRow(fields);
    }
    struct.pointTo(column, offset(row), lengths[row]);
    return struct;
  }

  /** Returns the array, which is valid until the next call. */
  UnsafeArrayData arrayAt(int row) {
    array.pointTo(column, offset(row), lengths[row]);
    return array;
  }

  /** Returns the map, which is valid until the next call. */
  UnsafeMapData mapAt(int row) {
    map.pointTo(column, offset(row), lengths[row]);
    return map;
  }

  @Override
  public void close() {
    column = new byte[0];
  }

  @Override
  public UTF8String getUTF8String(int row) {
    throw notByValue();
  }

  @Override
  public byte[] getBinary(int row) {
    throw notByValue();
  }

  @Override
  public boolean getBoolean(int row) {
    throw notByValue();
  }

  @Override
  public byte getByte(int row) {
    throw notByValue();
  }

  @Override
  public short getShort(int row) {
    throw notByValue();
  }

  @Override
  public int getInt(int row) {
    throw notByValue();
  }

  @Override
  public long getLong(int row) {
    throw notByValue();
  }

  @Override
  public float getFloat(int row) {
    throw notByValue();
  }

  @Override
  public double getDouble(int row) {
    throw notByValue();
  }

  @Override
  public ColumnarArray getArray(int row) {
    throw notByValue();
  }

  @Override
  public ColumnarMap getMap(int row) {
    throw notByValue();
  }

  @Override
  public ColumnVector getChild(int ordinal) {
    throw notByValue();
  }

  private static UnsupportedOperationException notByValue() {
    return new UnsupportedOperationException("A cached column of bytes is read in place, not by value");
  }

  private static boolean isCompactDecimal(DataType type) {
    return type instanceof DecimalType decimal && decimal.precision() <= Decimal.MAX_LONG_DIGITS();
  }
}
