package io.raydp.exchange

import scala.collection.mutable

import io.raydp.exchange.columns.{BlockSink, ByteRanges}

/**
 * The two segments of a task that sends blocks: while the agent stores one, the task fills the other. More are never
 * made, which bounds the task's memory and holds it back when the object store is slow.
 *
 * @param blockBytes what a block may touch; a segment with notably more physical pages gives the surplus back
 */
private[exchange] final class SegmentRing(
    connection: AgentConnection,
    exportId: Long,
    blockBytes: Long,
    timeoutMillis: Int) extends BlockSink {
  import SegmentRing._

  private final class Sent(val order: Int, val rows: Long, val bytes: Long)

  private val unaccepted = mutable.HashMap.empty[Long, Sent]
  private val accepted = mutable.TreeMap.empty[Int, BlockPosition]
  private var sent = 0
  private var waited = 0L

  override def acquire(bytes: Long): MappedSegment = {
    // Those of the task before this one count as well.
    while (connection.unstoredBlocks >= Segments) {
      val began = System.nanoTime()
      takeAcceptances()
      connection.reclaim(timeoutMillis)
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
    // A segment that was made for one oversized row would otherwise stay that large.
    connection.sendBlock(segment, exportId, rows, nodes, bytes <= 2 * blockBytes)
  }

  /** Waits until the agent has promised to store every block; their positions in the order they were sent. */
  def finish(): Seq[BlockPosition] = {
    takeAcceptances()
    accepted.values.toVector
  }

  /** Nanoseconds spent waiting for the object store. */
  def waitedNanos: Long = waited

  private def takeAcceptances(): Unit = while (unaccepted.nonEmpty) {
    val acceptance = connection.awaitAccepted(timeoutMillis)
    val id = acceptance(0)
    val block = unaccepted.remove(id).getOrElse(throw new ExchangeException(
      ExchangeErrorCode.PROTOCOL,
      s"The exchange agent accepted a block that was not sent. Segment: $id, agent: ${connection.path}"))
    accepted(block.order) = BlockPosition(acceptance(1), block.rows, block.bytes)
  }

  private def trim(segment: MappedSegment, touched: ByteRanges): Unit = {
    segment.touched.addAll(touched)
    if (segment.touched.totalBytes > blockBytes + blockBytes / Tolerance) {
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

  /** Physical pages beyond the block's bytes are let be up to this part of them: refilling them costs time. */
  private val Tolerance = 4
}
