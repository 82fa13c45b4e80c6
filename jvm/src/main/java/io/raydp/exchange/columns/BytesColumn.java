package io.raydp.exchange.columns;

import org.apache.spark.sql.catalyst.expressions.SpecializedGetters;
import org.apache.spark.unsafe.Platform;
import org.apache.spark.unsafe.types.UTF8String;

/** A column of strings or binaries: 32-bit offsets and the bytes, an extent of their own. */
public final class BytesColumn extends ColumnWriter {
  private static final int LONG_COPY = 48;

  private final boolean binary;
  private final Extent bytes;
  private final BlockBuffer offsets;
  private final BlockBuffer data;
  private long offsetsAddress;
  private long dataAddress;

  BytesColumn(BlockSpace space, Extent extent, String path, boolean binary) {
    super(space, extent);
    this.binary = binary;
    this.bytes = space.newExtent(path);
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

  /** Copies exactly {@code length} bytes; short values by overlapping words, which beats a call. */
  private static void copy(Object object, long source, long target, int length) {
    if (length >= 8) {
      if (length > LONG_COPY) {
        Platform.copyMemory(object, source, null, target, length);
        return;
      }
      int last = length - 8;
      for (int i = 0; i < last; i += 8) {
        Platform.putLong(null, target + i, Platform.getLong(object, source + i));
      }
      Platform.putLong(null, target + last, Platform.getLong(object, source + last));
    } else if (length >= 4) {
      int last = length - 4;
      Platform.putInt(null, target, Platform.getInt(object, source));
      Platform.putInt(null, target + last, Platform.getInt(object, source + last));
    } else {
      for (int i = 0; i < length; i++) {
        Platform.putByte(null, target + i, Platform.getByte(object, source + i));
      }
    }
  }

  @Override
  public void putFrom(SpecializedGetters source, int ordinal, int index) {
    if (binary) {
      putBinary(index, source.getBinary(ordinal));
    } else {
      putString(index, source.getUTF8String(ordinal));
    }
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
