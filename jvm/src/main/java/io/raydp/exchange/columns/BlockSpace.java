package io.raydp.exchange.columns;

import java.util.ArrayList;
import java.util.List;

/**
 * The capacity of one block: its extents and buffers, their layout, and how many bytes may still be touched.
 *
 * <p>Writers only compare a count with a limit. The limits of all extents together never exceed the block's bytes. When
 * an extent reaches its limit, the remaining bytes are distributed again, by what each extent has used so far, until
 * hardly any are left and the block is full.
 */
public final class BlockSpace {
  /** Consumers cannot split a block of more rows well, however small the rows are. */
  static final int MAXIMUM_ROWS = 1 << 24;

  /** A block is full when fewer bytes remain than its size divided by this: distributing them costs too much. */
  private static final int FULL_DIVISOR = 64;

  private final long targetBytes;
  private final List<Extent> extents = new ArrayList<>();
  private final List<BlockBuffer> buffers = new ArrayList<>();
  private final BlockFull full = new BlockFull();
  private final Extent rows;
  private SegmentLayout layout;
  private Extent exceeding;
  private long exceedingCount;

  /** A block that ends when about {@code targetBytes} bytes are touched. */
  public BlockSpace(long targetBytes) {
    this.targetBytes = targetBytes;
    this.rows = newExtent("row", MAXIMUM_ROWS);
  }

  Extent rows() {
    return rows;
  }

  Extent newExtent(String path) {
    return newExtent(path, Extent.MAXIMUM);
  }

  private Extent newExtent(String path, int maximum) {
    Extent extent = new Extent(path, maximum);
    extents.add(extent);
    return extent;
  }

  BlockBuffer newBuffer(Extent extent, int bitsPerElement) {
    return newBuffer(extent, bitsPerElement, 0);
  }

  BlockBuffer newBuffer(Extent extent, int bitsPerElement, int extraBytes) {
    BlockBuffer buffer = new BlockBuffer(extent, bitsPerElement, extraBytes);
    extent.widen(bitsPerElement);
    buffers.add(buffer);
    return buffer;
  }

  /** The layout of a segment for blocks of {@code blockBytes} bytes. */
  SegmentLayout layoutFor(long blockBytes) {
    return SegmentLayout.of(extents.toArray(Extent[]::new), buffers.toArray(BlockBuffer[]::new), blockBytes);
  }

  /** Begins an empty block with this layout. */
  void begin(SegmentLayout newLayout) {
    layout = newLayout;
    for (int i = 0; i < buffers.size(); i++) {
      buffers.get(i).place(newLayout.offset(i));
    }
    for (int i = 0; i < extents.size(); i++) {
      extents.get(i).count = 0;
      extents.get(i).capacity = newLayout.capacity(i);
    }
    distribute(Math.min(targetBytes, layout.blockBytes()), null, 0);
  }

  long usedBytes() {
    long used = 0;
    for (Extent extent : extents) {
      used += extent.usedBytes();
    }
    return used;
  }

  /** Raises the extent's limit by at least {@code needed} elements beyond its count, or throws {@link BlockFull}. */
  void reserve(Extent extent, long needed) {
    long used = usedBytes() + extent.bytesFor(needed);
    boolean firstRow = rows.count == 0;
    // The first row cannot move to the next block, so it may exceed the target, up to the size of the segment.
    long spare = (firstRow ? Math.max(targetBytes, layout.blockBytes()) : targetBytes) - used;
    if (extent.count + needed > extent.capacity || spare < (firstRow ? 0 : targetBytes / FULL_DIVISOR)) {
      exceeding = extent;
      exceedingCount = extent.count + needed;
      throw full;
    }
    // After a first row beyond the target hardly anything is left, so the next row finds the block full.
    distribute(Math.max(targetBytes - used, firstRow ? targetBytes / FULL_DIVISOR : 0), extent, needed);
  }

  private void distribute(long spare, Extent favoured, long needed) {
    double used = Math.max(usedBytes(), 1);
    double even = spare / 2.0 / extents.size();
    boolean empty = usedBytes() == 0;
    for (Extent extent : extents) {
      // Half by use so far, half evenly: this converges quickly, and no extent gets nothing.
      double byUse = empty ? even : spare / 2.0 * (extent.usedBytes() / used);
      long bits = extent.bitsPerElement();
      long share = bits == 0 ? extent.capacity : (long) ((even + byUse) * 8 / bits);
      long base = extent.count + (extent == favoured ? needed : 0);
      extent.limit = (int) Math.min(extent.capacity, base + share);
    }
  }

  /**
   * A larger layout for a row that did not fit an empty block.
   *
   * @throws OversizedRowException when no segment could hold it
   */
  SegmentLayout enlarged() {
    if (exceedingCount > exceeding.maximum()) {
      throw new OversizedRowException(exceeding.path, exceedingCount);
    }
    long needed = Math.max(usedBytes(), exceeding.bytesFor(exceedingCount));
    return layoutFor(2 * Math.max(needed, layout.blockBytes()));
  }

  SegmentLayout layout() {
    return layout;
  }

  /** Adds what the block touched to the segment's touched ranges. */
  void collectTouched(ByteRanges ranges) {
    for (BlockBuffer buffer : buffers) {
      ranges.add(buffer.offset(), buffer.offset() + buffer.usedBytes());
    }
  }
}
