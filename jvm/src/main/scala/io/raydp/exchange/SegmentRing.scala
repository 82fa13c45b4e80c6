package io.raydp.exchange

import scala.collection.mutable

import io.raydp.exchange.columns.{BlockSink, ByteRanges}

/**
 * The two segments of a task that sends blocks: the task fills one while the agent stores the other. There are never
 * more, which bounds the task's memory and slows it down when the object store is slow.
 *
 * @param wait for the agent to accept, or to store, one block
 * @param blockBytes how many bytes a block may touch; a segment with far more physical pages returns the excess
 */
private[exchange] final class SegmentRing(
    connection: BlockChannel,
    exportId: Long,
    blockBytes: Long,
    wait: AgentWait) extends BlockSink {
  import SegmentRing._

  private final class Sent(val order: Int, val rows: Long, val bytes: Long)

  private val unaccepted = mutable.HashMap.empty[Long, Sent]
  private val accepted = mutable.TreeMap.empty[Int, BlockPosition]
  private var sent = 0
  private var waited = 0L

  override def acquire(bytes: Long): MappedSegment = {
    // The blocks of this connection's previous task count as well.
    while (connection.unstoredBlocks >= Segments) {
      val began = System.nanoTime()
      takeAcceptances()
      connection.reclaim(wait)
      waited += System.nanoTime() - began
    }
    connection.lend(bytes)
  }

  override def discard(segment: BlockSink.Segment): Unit = connection.drop(mapped(segment))

  override def send(lent: BlockSink.Segment, rows: Long, nodes: Array[Long], touched: ByteRanges): Unit = {
    val segment = mapped(lent)
    val bytes = touched.totalBytes
    trim(segment, touched)
    unaccepted(segment.id) = new Sent(sent, rows, bytes)
    sent += 1
    // A segment that was created for one oversized row is not reused.
    connection.sendBlock(segment, exportId, rows, nodes, bytes <= 2 * blockBytes, wait)
  }

  /** Waits until the agent has accepted every block. Returns their positions in the order in which they were sent. */
  def finish(): Seq[BlockPosition] = {
    takeAcceptances()
    accepted.values.toVector
  }

  /** Nanoseconds spent waiting for the object store. */
  def waitedNanos: Long = waited

  private def takeAcceptances(): Unit = while (unaccepted.nonEmpty) {
    val acceptance = connection.awaitAccepted(wait)
    val block = unaccepted.remove(acceptance.segmentId).getOrElse(throw new ExchangeException(
      ExchangeErrorCode.PROTOCOL,
      "The exchange agent accepted a block that was not sent. Segment: " +
        s"${acceptance.segmentId}, agent: ${connection.agent}"))
    accepted(block.order) = BlockPosition(acceptance.index, block.rows, block.bytes)
  }

  private def trim(segment: MappedSegment, touched: ByteRanges): Unit = {
    segment.touched.addAll(touched)
    if (segment.touched.totalBytes > blockBytes + blockBytes / SurplusDivisor) {
      segment.touched.forEachOutside(touched, PageBytes, (from, to) => connection.trim(segment, from, to))
      segment.setTouched(touched)
    }
  }

  private def mapped(segment: BlockSink.Segment): MappedSegment = segment match {
    case own: MappedSegment => own
    case other => throw new IllegalArgumentException(s"Not a segment of this ring: $other")
  }
}

private[exchange] object SegmentRing {
  private val Segments = 2
  private val PageBytes = 4096L

  /** A segment keeps surplus pages up to the block's bytes divided by this, since touching pages again costs time. */
  private val SurplusDivisor = 4
}
