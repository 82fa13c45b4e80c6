package io.raydp.exchange.columns;

/**
 * An index space of a block: the rows, the elements of one list or map, or the bytes of one string column. The buffers
 * that it indexes grow together. {@link BlockSpace} moves {@link #limit}; writers move {@link #count}.
 */
public final class Extent {
  /** The largest count that Arrow's 32-bit offsets can address, minus some slack for the end offset. */
  static final int MAXIMUM = Integer.MAX_VALUE - 8;

  /** The column that the extent belongs to, for messages. */
  final String path;

  private final int maximum;
  private long bitsPerElement;

  /** How many elements the bound segment can hold. */
  int capacity;

  /** Writers call {@link BlockSpace#reserve} before they exceed this count. At most {@link #capacity}. */
  int limit;

  /** Elements in use, including those of the row in progress. */
  int count;

  Extent(String path, int maximum) {
    this.path = path;
    this.maximum = maximum;
  }

  void widen(int bits) {
    bitsPerElement += bits;
  }

  long bitsPerElement() {
    return bitsPerElement;
  }

  /** How many elements a segment for {@code blockBytes} bytes should hold. */
  int capacityFor(long blockBytes) {
    return bitsPerElement == 0 ? maximum : (int) Math.min(maximum, blockBytes * 8 / bitsPerElement);
  }

  int maximum() {
    return maximum;
  }

  long bytesFor(long elements) {
    return (elements * bitsPerElement + 7) >>> 3;
  }

  long usedBytes() {
    return bytesFor(count);
  }
}
