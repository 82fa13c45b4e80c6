package io.raydp.exchange.columns;

import org.apache.spark.sql.catalyst.expressions.SpecializedGetters;
import org.apache.spark.sql.catalyst.expressions.UnsafeArrayData;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.execution.vectorized.OffHeapColumnVector;
import org.apache.spark.sql.execution.vectorized.OnHeapColumnVector;
import org.apache.spark.sql.execution.vectorized.WritableColumnVector;
import org.apache.spark.sql.vectorized.ColumnVector;
import org.apache.spark.unsafe.Platform;

/** A column of numbers, dates, times, timestamps or ANSI intervals: one value of 1, 2, 4 or 8 bytes per slot. */
public final class FixedWidthColumn extends ColumnWriter {
  private final Primitive primitive;
  private final BlockBuffer values;
  private long valuesAddress;

  FixedWidthColumn(ColumnPlan plan, Primitive primitive) {
    super(plan);
    this.primitive = primitive;
    this.values = space.newBuffer(extent, 8 * primitive.bytes);
  }

  @Override
  void bind(long segmentAddress) {
    super.bind(segmentAddress);
    valuesAddress = address(values);
  }

  public void putByte(int index, byte value) {
    Platform.putByte(null, valuesAddress + index, value);
  }

  public void putShort(int index, short value) {
    Platform.putShort(null, valuesAddress + ((long) index << 1), value);
  }

  public void putInt(int index, int value) {
    Platform.putInt(null, valuesAddress + ((long) index << 2), value);
  }

  public void putLong(int index, long value) {
    Platform.putLong(null, valuesAddress + ((long) index << 3), value);
  }

  public void putFloat(int index, float value) {
    Platform.putFloat(null, valuesAddress + ((long) index << 2), value);
  }

  public void putDouble(int index, double value) {
    Platform.putDouble(null, valuesAddress + ((long) index << 3), value);
  }

  @Override
  public void putFrom(SpecializedGetters source, int ordinal, int index) {
    switch (primitive) {
      case BYTE -> putByte(index, source.getByte(ordinal));
      case SHORT -> putShort(index, source.getShort(ordinal));
      case INT -> putInt(index, source.getInt(ordinal));
      case LONG -> putLong(index, source.getLong(ordinal));
      case FLOAT -> putFloat(index, source.getFloat(ordinal));
      case DOUBLE -> putDouble(index, source.getDouble(ordinal));
    }
  }

  @Override
  void putEmpty(int index) {
    switch (primitive) {
      case BYTE -> putByte(index, (byte) 0);
      case SHORT -> putShort(index, (short) 0);
      case INT, FLOAT -> putInt(index, 0);
      case LONG, DOUBLE -> putLong(index, 0L);
    }
  }

  @Override
  void putRange(ColumnVector source, int from, int count, int index) {
    boolean hasNull = source.hasNull();
    if (hasNull && !(source instanceof WritableColumnVector)) {
      // Other vectors may refuse to read the slot of a null.
      super.putRange(source, from, count, index);
      return;
    }
    copyValues(source, from, count, valuesAddress + (long) index * primitive.bytes);
    if (hasNull) {
      for (int i = 0; i < count; i++) {
        if (source.isNullAt(from + i)) {
          putNull(index + i);
        }
      }
    }
  }

  private void copyValues(ColumnVector source, int from, int count, long address) {
    long bytes = (long) count * primitive.bytes;
    if (source instanceof OnHeapColumnVector vector && !vector.hasDictionary()) {
      Object values = SparkVectorInternals.values(vector, primitive, from + count);
      if (values != null) {
        // The values of all primitive arrays begin at the same offset.
        Platform.copyMemory(values, Platform.LONG_ARRAY_OFFSET + (long) from * primitive.bytes, null, address, bytes);
        return;
      }
    } else if (source instanceof OffHeapColumnVector vector && !vector.hasDictionary()) {
      Platform.copyMemory(null, vector.valuesNativeAddress() + (long) from * primitive.bytes, null, address, bytes);
      return;
    }
    switch (primitive) {
      case BYTE -> Platform.copyMemory(source.getBytes(from, count), Platform.BYTE_ARRAY_OFFSET, null, address, bytes);
      case SHORT -> Platform.copyMemory(source.getShorts(from, count), Platform.SHORT_ARRAY_OFFSET, null, address, bytes);
      case INT -> Platform.copyMemory(source.getInts(from, count), Platform.INT_ARRAY_OFFSET, null, address, bytes);
      case LONG -> Platform.copyMemory(source.getLongs(from, count), Platform.LONG_ARRAY_OFFSET, null, address, bytes);
      case FLOAT -> Platform.copyMemory(source.getFloats(from, count), Platform.FLOAT_ARRAY_OFFSET, null, address, bytes);
      case DOUBLE -> Platform.copyMemory(source.getDoubles(from, count), Platform.DOUBLE_ARRAY_OFFSET, null, address, bytes);
    }
  }

  @Override
  public boolean copyAll(ArrayData elements, int firstIndex) {
    if (!(elements instanceof UnsafeArrayData source)) {
      return false;
    }
    int count = source.numElements();
    Object object = source.getBaseObject();
    long position = source.getBaseOffset() + Long.BYTES;
    for (int word = 0; word < (count + 63) / 64; word++, position += Long.BYTES) {
      if (Platform.getLong(object, position) != 0) {
        return false;
      }
    }
    Platform.copyMemory(
        object, position, null, valuesAddress + (long) firstIndex * primitive.bytes, (long) count * primitive.bytes);
    return true;
  }

  @Override
  void describe(NodeList nodes) {
    describeNode(nodes, 2);
    nodes.addBuffer(values.offset(), values.usedBytes());
  }
}
