package io.raydp.exchange.columns;

import java.util.ArrayList;
import java.util.List;

/**
 * The room of one block: its extents and buffers, how they are laid out, and how many bytes may still be touched.
 *
 * <p>Writers only compare a count with a limit. The limits of all extents together never exceed the block's bytes; an
 * extent that reaches its own comes here and gets a larger one, shared out anew by what each extent used so far, until
 * next to nothing is left and the block counts as full.
 */
public final class BlockSpace {
  /** More rows than this make a block hard to split for its consumers, however small the rows are. */
  static final int MAXIMUM_ROWS = 1 << 24;

  /** A block counts as full when less than this part of it is left: sharing out crumbs costs more than they hold. */
  private static final int CRUMB = 64;

  private final long targetBytes;
  private final List<Extent> extents = new ArrayList<>();
  private final List<BlockBuffer> buffers = new ArrayList<>();
  private final BlockFull full = new BlockFull();
  private final Extent rows;
  private SegmentLayout layout;
  private Extent lacking;
  private long lackingCount;

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
    shareOut(Math.min(targetBytes, layout.blockBytes()), null, 0);
  }

  long usedBytes() {
    long used = 0;
    for (Extent extent : extents) {
      used += extent.usedBytes();
    }
    return used;
  }

  /** Makes room for {@code needed} more elements beyond the extent's count, or throws {@link BlockFull}. */
  void reserve(Extent extent, long needed) {
    long used = usedBytes() + extent.bytesFor(needed);
    boolean firstRow = rows.count == 0;
    // The first row may go beyond the target, up to what the segment was made for: it cannot be put off to another.
    long spare = (firstRow ? Math.max(targetBytes, layout.blockBytes()) : targetBytes) - used;
    if (extent.count + needed > extent.capacity || spare < (firstRow ? 0 : targetBytes / CRUMB)) {
      lacking = extent;
      lackingCount = extent.count + needed;
      throw full;
    }
    // A first row beyond the target gets crumbs only, so that the row after it already finds the block full.
    shareOut(Math.max(targetBytes - used, firstRow ? targetBytes / CRUMB : 0), extent, needed);
  }

  private void shareOut(long spare, Extent favoured, long needed) {
    double used = Math.max(usedBytes(), 1);
    double even = spare / 2.0 / extents.size();
    boolean empty = usedBytes() == 0;
    for (Extent extent : extents) {
      // Half by what was used so far, half evenly: quick to settle, and never a share of nothing.
      double byUse = empty ? even : spare / 2.0 * (extent.usedBytes() / used);
      long bits = extent.bitsPerElement();
      long share = bits == 0 ? extent.capacity : (long) ((even + byUse) * 8 / bits);
      long base = extent.count + (extent == favoured ? needed : 0);
      extent.limit = (int) Math.min(extent.capacity, base + share);
    }
  }

  /**
   * The layout in which the row that did not fit an empty block has a chance.
   *
   * @throws OversizedRowException when no segment could hold it
   */
  SegmentLayout enlarged() {
    if (lackingCount > lacking.maximum()) {
      throw new OversizedRowException(lacking.path, lackingCount);
    }
    long needed = Math.max(usedBytes(), lacking.bytesFor(lackingCount));
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
