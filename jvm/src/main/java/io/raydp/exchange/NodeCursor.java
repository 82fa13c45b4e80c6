package io.raydp.exchange;

import org.apache.spark.unsafe.Platform;

/**
 * Walks the Arrow arrays of a reply, which are flattened in pre-order: per array its length, null count and number of
 * buffers, then the offset and size of each buffer. The native side, which knows no types, has checked that every
 * buffer is inside the segment. The cursor checks that each buffer holds the rows that Spark will read from it.
 */
final class NodeCursor {
  private static final long ABSENT = -1;
  private static final int OFFSET_BYTES = 4;

  private final long segmentAddress;
  private final long[] values;
  private int position;
  private long length;
  private long nulls;
  private long end;

  NodeCursor(long segmentAddress, long[] values, int first) {
    this.segmentAddress = segmentAddress;
    this.values = values;
    this.position = first;
  }

  /**
   * Moves to the next array.
   *
   * @param buffers how many buffers arrays of its type have
   * @param rows how many rows will be read from it
   */
  void beginNode(int buffers, long rows) {
    length = next();
    nulls = next();
    long present = next();
    if (present != buffers) {
      throw mismatch("buffers: " + present + ", expected: " + buffers);
    }
    if (length < rows || length > Integer.MAX_VALUE) {
      throw mismatch("rows: " + length + ", expected: " + rows);
    }
    end = 0;
  }

  int length() {
    return (int) length;
  }

  /** The node's null count; the largest possible one if the sender has not counted them. */
  int nulls() {
    return (int) (nulls < 0 ? length : nulls);
  }

  /** The address of the next buffer, a bit for each row, or 0 if it is absent. */
  long validity() {
    return buffer(bitmapBytes(), true);
  }

  /** The address of the next buffer, a bit for each row. */
  long bits() {
    return buffer(bitmapBytes(), false);
  }

  /** The address of the next buffer, {@code width} bytes for each row. */
  long values(int width) {
    return buffer(length * width, false);
  }

  /** The address of the next buffer, the offsets of each row's bytes or elements. */
  long offsets() {
    if (length == 0) {
      return buffer(0, false);
    }
    long address = buffer((length + 1) * OFFSET_BYTES, false);
    long first = Platform.getInt(null, address);
    end = Platform.getInt(null, address + length * OFFSET_BYTES);
    if (first < 0 || end < first) {
      throw mismatch("offsets from " + first + " to " + end);
    }
    return address;
  }

  /** The address of the next buffer, the bytes that the offsets before it point to. */
  long bytes() {
    return buffer(end, false);
  }

  /** How many bytes or elements the offsets of the current array point to. */
  long end() {
    return end;
  }

  void requireEnd() {
    if (position != values.length) {
      throw mismatch("values: " + values.length + ", used: " + position);
    }
  }

  private long bitmapBytes() {
    return (length + 7) / 8;
  }

  private long buffer(long needed, boolean optional) {
    long offset = next();
    long size = next();
    if (offset == ABSENT ? needed > 0 && !optional : size < needed) {
      throw mismatch("bytes: " + (offset == ABSENT ? 0 : size) + ", expected: " + needed);
    }
    return offset == ABSENT ? 0 : segmentAddress + offset;
  }

  private long next() {
    if (position == values.length) {
      throw mismatch("values: " + values.length);
    }
    return values[position++];
  }

  private static ExchangeException mismatch(String details) {
    return new ExchangeException(
        ExchangeErrorCode.PROTOCOL,
        "The exchange agent sent columns that do not match the DataFrame's schema. The Dataset's blocks differ from "
            + "each other, or this is a defect of raydp. Found " + details);
  }
}
