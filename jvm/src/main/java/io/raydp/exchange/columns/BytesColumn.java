package io.raydp.exchange.columns;

import org.apache.spark.sql.catalyst.expressions.SpecializedGetters;
import org.apache.spark.sql.catalyst.expressions.UnsafeArrayData;
import org.apache.spark.sql.catalyst.expressions.UnsafeRow;
import org.apache.spark.sql.execution.vectorized.OffHeapColumnVector;
import org.apache.spark.sql.execution.vectorized.OnHeapColumnVector;
import org.apache.spark.sql.execution.vectorized.WritableColumnVector;
import org.apache.spark.sql.types.BinaryType;
import org.apache.spark.sql.vectorized.ColumnVector;
import org.apache.spark.unsafe.Platform;
import org.apache.spark.unsafe.types.UTF8String;

/** A column of strings or binaries: 32-bit offsets, and the bytes, which have their own extent. */
public final class BytesColumn extends ColumnWriter {
  private final boolean binary;
  private final Extent bytes;
  private final BlockBuffer offsets;
  private final BlockBuffer data;
  private long offsetsAddress;
  private long dataAddress;

  BytesColumn(ColumnPlan plan) {
    super(plan);
    this.binary = plan.type instanceof BinaryType;
    this.bytes = space.newExtent(plan.path);
    this.offsets = space.newBuffer(extent, 32, Integer.BYTES);
    this.data = space.newBuffer(bytes, 8);
  }

  @Override
  void bind(long segmentAddress) {
    super.bind(segmentAddress);
    offsetsAddress = address(offsets);
    dataAddress = address(data);
    Platform.putInt(null, offsetsAddress, 0);
  }

  public void putString(int index, UTF8String value) {
    put(index, value.getBaseObject(), value.getBaseOffset(), value.numBytes());
  }

  public void putBinary(int index, byte[] value) {
    put(index, value, Platform.BYTE_ARRAY_OFFSET, value.length);
  }

  private void put(int index, Object object, long offset, int length) {
    int start = bytes.count;
    if (bytes.limit - start < length) {
      space.reserve(bytes, length);
    }
    copy(object, offset, dataAddress + start, length);
    bytes.count = start + length;
    endAt(index, start + length);
  }

  private void endAt(int index, int end) {
    Platform.putInt(null, offsetsAddress + ((long) index << 2) + 4, end);
  }

  /**
   * Copies exactly {@code length} bytes. Short values are copied by words that overlap in the middle. This is faster
   * than a call, and than a loop, which the JIT compiler unrolls for lengths that do not occur.
   */
  private static void copy(Object object, long source, long target, int length) {
    if (length > 32) {
      Platform.copyMemory(object, source, null, target, length);
    } else if (length > 16) {
      copyWord(object, source, target, 0);
      copyWord(object, source, target, 8);
      copyWord(object, source, target, length - 16);
      copyWord(object, source, target, length - 8);
    } else if (length >= 8) {
      copyWord(object, source, target, 0);
      copyWord(object, source, target, length - 8);
    } else if (length >= 4) {
      int last = length - 4;
      Platform.putInt(null, target, Platform.getInt(object, source));
      Platform.putInt(null, target + last, Platform.getInt(object, source + last));
    } else if (length > 0) {
      Platform.putByte(null, target, Platform.getByte(object, source));
      Platform.putByte(null, target + (length >> 1), Platform.getByte(object, source + (length >> 1)));
      Platform.putByte(null, target + length - 1, Platform.getByte(object, source + length - 1));
    }
  }

  private static void copyWord(Object object, long source, long target, int at) {
    Platform.putLong(null, target + at, Platform.getLong(object, source + at));
  }

  /**
   * Copies the bytes directly out of Spark's own rows and arrays. Creating a {@link UTF8String} of them would cost more
   * than the copy: the constructor writes several volatile fields.
   */
  @Override
  public void putFrom(SpecializedGetters source, int ordinal, int index) {
    if (source instanceof UnsafeRow row) {
      putUnsafe(index, row.getBaseObject(), row.getBaseOffset(), row.getLong(ordinal));
    } else if (source instanceof UnsafeArrayData array) {
      putUnsafe(index, array.getBaseObject(), array.getBaseOffset(), array.getLong(ordinal));
    } else if (binary) {
      putBinary(index, source.getBinary(ordinal));
    } else {
      putString(index, source.getUTF8String(ordinal));
    }
  }

  /** Writes a value that unsafe rows and arrays describe by its offset in them and its length. */
  private void putUnsafe(int index, Object base, long offset, long offsetAndLength) {
    put(index, base, offset + (offsetAndLength >>> 32), (int) offsetAndLength);
  }

  @Override
  void putRange(ColumnVector source, int from, int count, int index) {
    if (source instanceof WritableColumnVector vector) {
      putVector(vector, from, count, index);
    } else {
      super.putRange(source, from, count, index);
    }
  }

  /** Copies values from the contiguous buffer of Spark's own vectors, such as those of its Parquet reader. */
  private void putVector(WritableColumnVector source, int from, int count, int index) {
    boolean hasDictionary = source.hasDictionary();
    Object base = null;
    long origin;
    if (source.arrayData() instanceof OffHeapColumnVector outside) {
      origin = outside.valuesNativeAddress();
    } else {
      base = SparkVectorInternals.values((OnHeapColumnVector) source.arrayData(), Primitive.BYTE, 0);
      origin = Platform.BYTE_ARRAY_OFFSET;
    }
    for (int i = 0; i < count; i++) {
      int row = from + i;
      if (source.isNullAt(row)) {
        putNull(index + i);
      } else if (hasDictionary) {
        putBinary(index + i, source.getBinary(row));
      } else {
        put(index + i, base, origin + source.getArrayOffset(row), source.getArrayLength(row));
      }
    }
  }

  @Override
  void putCached(CachedBytes source, int row, int index) {
    put(index, source.base(), source.offset(row), source.length(row));
  }

  @Override
  void putEmpty(int index) {
    endAt(index, bytes.count);
  }

  @Override
  void rollBack(int from, int to) {
    super.rollBack(from, to);
    bytes.count = Platform.getInt(null, offsetsAddress + ((long) from << 2));
  }

  @Override
  void describe(NodeList nodes) {
    describeNode(nodes, 3);
    nodes.addBuffer(offsets.offset(), offsets.usedBytes());
    nodes.addBuffer(data.offset(), data.usedBytes());
  }
}
