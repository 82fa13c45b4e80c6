package io.raydp.exchange;

/**
 * The agent's reply to a read.
 *
 * @param needsLargerSegment whether the rows did not fit the segment, which then holds none
 * @param rows how many rows the segment holds
 * @param totalRows how many rows the block has
 * @param neededBytes the size of a segment that can hold the rows, if a larger one is needed
 * @param nodes where the columns are in the segment, from {@link #FIRST_NODE} on; see {@link NodeCursor}
 */
record ReadReply(boolean needsLargerSegment, long rows, long totalRows, long neededBytes, long[] nodes) {
  private static final int GROW = 1;
  private static final int FIRST_NODE = 5;

  /**
   * Takes {@link NativeExchange#awaitRead}'s reply apart: {0, segment id, from row, rows, total rows, nodes...}, or {1,
   * segment id, needed bytes}. The nodes stay in the array that crossed the border.
   */
  static ReadReply of(long[] reply) {
    return reply[0] == GROW
        ? new ReadReply(true, 0, 0, reply[2], reply)
        : new ReadReply(false, reply[3], reply[4], 0, reply);
  }

  /** How many bytes from the beginning of the segment on the rows take. */
  long usedBytes() {
    long[] end = {0};
    ArrayBuffers.forEach(nodes, FIRST_NODE, (index, offset, size) -> end[0] = Math.max(end[0], offset + size));
    return end[0];
  }

  /** Walks the columns of the reply in the segment at {@code segmentAddress}. */
  NodeCursor columns(long segmentAddress) {
    return new NodeCursor(segmentAddress, nodes, FIRST_NODE);
  }
}
