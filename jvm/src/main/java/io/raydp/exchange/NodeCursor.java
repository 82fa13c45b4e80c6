package io.raydp.exchange;

/**
 * Walks the Arrow arrays of a reply, which are flattened in pre-order: per array its length, null count and number of
 * buffers, then the offset and size of each buffer. The native side has checked the bounds of every buffer.
 */
final class NodeCursor {
  private static final long ABSENT = -1;

  private final long segmentAddress;
  private final long[] values;
  private int position;
  private long length;
  private long nulls;

  NodeCursor(long segmentAddress, long[] values, int first) {
    this.segmentAddress = segmentAddress;
    this.values = values;
    this.position = first;
  }

  void beginNode(int buffers) {
    length = next();
    nulls = next();
    long present = next();
    if (present != buffers) {
      throw mismatch("buffers: " + present + ", expected: " + buffers);
    }
  }

  int length() {
    return Math.toIntExact(length);
  }

  /** The node's null count; the largest possible one if the sender has not counted them. */
  int nulls() {
    return Math.toIntExact(nulls < 0 ? length : nulls);
  }

  /** The next buffer's address, or 0 if it is absent. */
  long buffer() {
    long offset = next();
    next(); // its size, which the native side has checked against the node's length
    return offset == ABSENT ? 0 : segmentAddress + offset;
  }

  void requireEnd() {
    if (position != values.length) {
      throw mismatch("values: " + values.length + ", used: " + position);
    }
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
            + "each other, or the agent belongs to another version of raydp. Found " + details);
  }
}
