package io.raydp.exchange.columns;

/** One Arrow buffer of a block: its place in the segment, and how much of it is used. */
final class BlockBuffer {
  final Extent extent;
  private final int bitsPerElement;
  private final int extraBytes;

  /** Relative to the segment's start. */
  private long offset;

  BlockBuffer(Extent extent, int bitsPerElement, int extraBytes) {
    this.extent = extent;
    this.bitsPerElement = bitsPerElement;
    this.extraBytes = extraBytes;
  }

  long bytesFor(long elements) {
    return ((elements * bitsPerElement + 7) >>> 3) + extraBytes;
  }

  long usedBytes() {
    return bytesFor(extent.count);
  }

  long offset() {
    return offset;
  }

  void place(long newOffset) {
    offset = newOffset;
  }
}
