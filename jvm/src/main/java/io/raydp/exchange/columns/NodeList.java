package io.raydp.exchange.columns;

import java.util.Arrays;

/**
 * The Arrow array tree of a block in pre-order, flattened for the native side: per node its length, null count and
 * number of buffers, then offset and size of each buffer relative to the segment's start.
 */
final class NodeList {
  /** The offset of an absent buffer. */
  static final long ABSENT = -1;

  private long[] values = new long[64];
  private int size;

  void beginNode(long length, long nulls, int buffers) {
    add(length);
    add(nulls);
    add(buffers);
  }

  void addBuffer(long offset, long bytes) {
    add(offset);
    add(bytes);
  }

  void addAbsentBuffer() {
    addBuffer(ABSENT, 0);
  }

  private void add(long value) {
    if (size == values.length) {
      values = Arrays.copyOf(values, 2 * size);
    }
    values[size++] = value;
  }

  long[] toArray() {
    return Arrays.copyOf(values, size);
  }
}
