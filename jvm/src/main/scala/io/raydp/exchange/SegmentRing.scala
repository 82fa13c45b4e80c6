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
    conversion: Long,
    blockBytes: Long,
    timeoutMillis: Int) extends BlockSink {
  import SegmentRing._

  private final class Underway(val segment: MappedSegment, val order: Int, val rows: Long, val bytes: Long)

  private val underway = mutable.HashMap.empty[Long, Underway]
  private val stored = mutable.TreeMap.empty[Int, BlockPosition]
  private var sent = 0
  private var waited = 0L

  override def acquire(bytes: Long): MappedSegment = {
    while (underway.size >= Segments) takeAcknowledgement()
    connection.lend(bytes)
  }

  override def discard(segment: BlockSink.Segment): Unit = connection.drop(mapped(segment))

  override def send(lent: BlockSink.Segment, rows: Long, nodes: Array[Long], touched: ByteRanges): Unit = {
    val segment = mapped(lent)
    val bytes = touched.totalBytes
    trim(segment, touched)
    underway(segment.id) = new Underway(segment, sent, rows, bytes)
    sent += 1
    connection.sendBlock(segment, conversion, rows, nodes)
  }

  /** Waits until the agent has stored every block; their positions in the order they were sent. */
  def finish(): Seq[BlockPosition] = {
    while (underway.nonEmpty) takeAcknowledgement()
    stored.values.toVector
  }

  /** Nanoseconds spent waiting for the agent. */
  def waitedNanos: Long = waited

  private def takeAcknowledgement(): Unit = {
    val began = System.nanoTime()
    val acknowledgement = connection.awaitAck(timeoutMillis)
    val id = acknowledgement(0)
    waited += System.nanoTime() - began
    val block = underway.remove(id).getOrElse(throw new ExchangeException(
      ExchangeErrorCode.PROTOCOL,
      s"The exchange agent acknowledged a block that was not sent. Segment: $id, agent: ${connection.path}"))
    stored(block.order) = BlockPosition(acknowledgement(1).toInt, acknowledgement(2), block.rows, block.bytes)
    // A segment that was made for one oversized row would otherwise stay that large.
    if (block.bytes > 2 * blockBytes) connection.drop(block.segment) else connection.giveBack(block.segment)
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
