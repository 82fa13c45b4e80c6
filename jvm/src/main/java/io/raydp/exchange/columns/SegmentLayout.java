package io.raydp.exchange.columns;

/**
 * The place of each buffer of a block in its segment: pure arithmetic, no memory.
 *
 * <p>Every extent can hold the whole block's bytes, because the largest column is not known in advance. Segments are
 * sparse, so untouched pages cost only address space; {@link BlockSpace} bounds what is touched.
 */
public final class SegmentLayout {
  private static final long PAGE = 4096;
  private static final long CACHE_LINE = 64;

  private final long blockBytes;
  private final int[] capacities;
  private final long[] offsets;
  private final long segmentBytes;

  private SegmentLayout(long blockBytes, int[] capacities, long[] offsets, long segmentBytes) {
    this.blockBytes = blockBytes;
    this.capacities = capacities;
    this.offsets = offsets;
    this.segmentBytes = segmentBytes;
  }

  static SegmentLayout of(Extent[] extents, BlockBuffer[] buffers, long blockBytes) {
    int[] capacities = new int[extents.length];
    for (int i = 0; i < extents.length; i++) {
      capacities[i] = extents[i].capacityFor(blockBytes);
    }
    long[] offsets = new long[buffers.length];
    long next = 0;
    for (int i = 0; i < buffers.length; i++) {
      // Columns are written side by side. If all began at the same offset in a page, they would compete for the same
      // few cache sets, so each begins one cache line further into its page than the one before.
      offsets[i] = next + CACHE_LINE * (i % (PAGE / CACHE_LINE));
      next = roundUp(offsets[i] + buffers[i].bytesFor(buffers[i].extent.capacityFor(blockBytes)), PAGE);
    }
    return new SegmentLayout(blockBytes, capacities, offsets, Math.max(next, PAGE));
  }

  private static long roundUp(long value, long unit) {
    return (value + unit - 1) / unit * unit;
  }

  /** The bytes that a block may touch, from which the capacities follow. */
  public long blockBytes() {
    return blockBytes;
  }

  /** The size of the sparse segment in bytes. */
  public long segmentBytes() {
    return segmentBytes;
  }

  int capacity(int extent) {
    return capacities[extent];
  }

  long offset(int buffer) {
    return offsets[buffer];
  }
}
