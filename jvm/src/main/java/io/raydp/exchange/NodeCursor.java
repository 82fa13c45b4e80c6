package io.raydp.exchange;

/** Walks the flattened Arrow nodes of a reply in pre-order. The native side has checked every buffer's bounds. */
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

  /** The node's nulls; when the sender has not counted them, as many as there could be. */
  int nulls() {
    return Math.toIntExact(nulls < 0 ? length : nulls);
  }

  /** The next buffer's address, or 0 when it is absent. */
  long buffer() {
    long offset = next();
    next(); // its size, which the native side has compared with the node's length
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
        "The exchange agent sent columns of another schema than the DataFrame has: the Dataset's blocks differ from "
            + "each other, or the agent is of another build. Found " + details);
  }
}
