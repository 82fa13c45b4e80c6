package io.raydp.exchange

/**
 * The agent's reply to a read.
 *
 * @param needsLargerSegment whether the rows did not fit the segment, which then holds none
 * @param rows how many rows the segment holds
 * @param totalRows how many rows the block has
 * @param neededBytes the size of a segment that can hold the rows, if a larger one is needed
 * @param nodes where the columns are in the segment, after some other numbers; see [[NodeCursor]]
 */
private[exchange] final class ReadReply(
    val needsLargerSegment: Boolean,
    val rows: Long,
    val totalRows: Long,
    val neededBytes: Long,
    val nodes: Array[Long]) {
  import ReadReply._

  /** How many bytes from the beginning of the segment on the rows take. */
  def usedBytes: Long = {
    var end = 0L
    ArrayBuffers.forEach(nodes, FirstNode, (_, offset, size) => end = math.max(end, offset + size))
    end
  }

  /** Walks the columns of the reply in the segment at `segmentAddress`. */
  def columns(segmentAddress: Long): NodeCursor = new NodeCursor(segmentAddress, nodes, FirstNode)
}

private[exchange] object ReadReply {
  private val Grow = 1L
  private val FirstNode = 5

  /**
   * Takes the reply of `NativeExchange.awaitRead` apart: {0, segment id, from row, rows, total rows, nodes...}, or {1,
   * segment id, needed bytes}. The nodes stay in the array that crossed the border.
   */
  def of(reply: Array[Long]): ReadReply =
    if (reply(0) == Grow) new ReadReply(true, 0, 0, reply(2), reply)
    else new ReadReply(false, reply(3), reply(4), 0, reply)
}
