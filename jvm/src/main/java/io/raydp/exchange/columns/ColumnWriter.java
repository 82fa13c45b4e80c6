package io.raydp.exchange.columns;

import org.apache.spark.sql.catalyst.expressions.SpecializedGetters;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.vectorized.ColumnVector;
import org.apache.spark.sql.vectorized.ColumnarArray;
import org.apache.spark.unsafe.Platform;

/**
 * Writes one column of a block, or a nested part of one, in Arrow's layout straight into the bound segment. A writer
 * does not count its slots: callers pass the index and write indexes in order. The segment owns every buffer; a writer
 * owns nothing.
 */
public abstract class ColumnWriter {
  /** How much of a validity bitmap is prepared at the first null. */
  private static final int FIRST_FILL = 1 << 16;

  final BlockSpace space;
  final Extent extent;
  private final BlockBuffer validity;
  private long base;
  private long validityAddress;

  /** The slots below this one have prepared validity bits. A multiple of 64; 0 while the column has no null. */
  private int filled;

  private int nulls;

  ColumnWriter(ColumnPlan plan) {
    this.space = plan.space;
    this.extent = plan.extent;
    this.validity = space.newBuffer(extent, 1);
  }

  /** Begins an empty block in the segment at {@code segmentAddress}; the space's layout is already the segment's. */
  void bind(long segmentAddress) {
    base = segmentAddress;
    validityAddress = segmentAddress + validity.offset();
    filled = 0;
    nulls = 0;
  }

  /** Writes the source's value, or null. */
  public final void write(SpecializedGetters source, int ordinal, int index) {
    if (source.isNullAt(ordinal)) {
      putNull(index);
    } else {
      putFrom(source, ordinal, index);
    }
  }

  /** Copies all elements at once if their layout is Arrow's and none is null. Returns whether it did. */
  public boolean copyAll(ArrayData source, int index) {
    return false;
  }

  /** Writes all elements of an array to the slots from {@code index} on. */
  final void writeAll(ArrayData source, int index) {
    if (!copyAll(source, index)) {
      int length = source.numElements();
      for (int i = 0; i < length; i++) {
        write(source, i, index + i);
      }
    }
  }

  /** Writes the source's value, which is not null. */
  public abstract void putFrom(SpecializedGetters source, int ordinal, int index);

  /** Writes {@code count} values of a column, including nulls, from {@code from} on to the slots from {@code index}. */
  void putRange(ColumnVector source, int from, int count, int index) {
    if (source instanceof CachedBytes cached) {
      for (int i = 0; i < count; i++) {
        if (cached.isNullAt(from + i)) {
          putNull(index + i);
        } else {
          putCached(cached, from + i, index + i);
        }
      }
    } else {
      ColumnarArray values = new ColumnarArray(source, from, count);
      for (int i = 0; i < count; i++) {
        write(values, i, index + i);
      }
    }
  }

  /** Writes a value of a column of Spark's cache, which is not null. */
  void putCached(CachedBytes source, int row, int index) {
    throw new UnsupportedOperationException("Spark's cache does not hold such a column as bytes: " + getClass());
  }

  /** Fills the slot with an empty value: zero, an empty string or list. */
  abstract void putEmpty(int index);

  public final void putNull(int index) {
    markNull(index);
    putEmpty(index);
  }

  private void markNull(int index) {
    if (index >= filled) {
      fill(index);
    }
    long address = validityAddress + (index >> 3);
    Platform.putByte(null, address, (byte) (Platform.getByte(null, address) & ~(1 << (index & 7))));
    nulls++;
  }

  /** Marks slots as valid well beyond {@code index}, so values never touch the bitmap. */
  private void fill(int index) {
    long target = Math.max(index + 1L, Math.max(FIRST_FILL, 2L * filled));
    int end = (int) Math.min((target + 63) & ~63L, extent.capacity & ~7);
    if (end <= index) {
      end = extent.capacity;
    }
    Platform.setMemory(validityAddress + (filled >> 3), (byte) -1, ((end + 7L) >> 3) - (filled >> 3));
    filled = end;
  }

  /** Clears the slots from {@code from} up to {@code to}, which can then be written again. */
  void rollBack(int from, int to) {
    for (int index = from; index < to && index < filled; index++) {
      long address = validityAddress + (index >> 3);
      int bits = Platform.getByte(null, address);
      int bit = 1 << (index & 7);
      if ((bits & bit) == 0) {
        Platform.putByte(null, address, (byte) (bits | bit));
        nulls--;
      }
    }
  }

  /** Appends the column's Arrow nodes in pre-order; {@code extent.count} is the number of slots. */
  abstract void describe(NodeList nodes);

  /** Begins the node of this column with its validity buffer. */
  final void describeNode(NodeList nodes, int buffers) {
    int length = extent.count;
    if (nulls > 0 && filled < length) {
      fill(length - 1);
    }
    nodes.beginNode(length, nulls, buffers);
    if (nulls == 0) {
      nodes.addAbsentBuffer();
    } else {
      nodes.addBuffer(validity.offset(), validity.usedBytes());
    }
  }

  final long address(BlockBuffer buffer) {
    return base + buffer.offset();
  }

  final void reserve(Extent target, int elements) {
    if (target.limit - target.count < elements) {
      space.reserve(target, elements);
    }
  }
}
