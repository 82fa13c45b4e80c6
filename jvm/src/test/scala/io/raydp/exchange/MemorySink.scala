package io.raydp.exchange

import scala.collection.mutable

import org.apache.spark.sql.types.StructType
import org.apache.spark.sql.vectorized.{ColumnVector, ColumnarBatch}
import org.apache.spark.unsafe.Platform

import io.raydp.exchange.columns.{BlockSink, ByteRanges}

/** Keeps the blocks of a writer on plain memory, as if each segment were stored and never lent again. */
final class MemorySink extends BlockSink with AutoCloseable {
  import MemorySink._

  private val allocated = mutable.ArrayBuffer.empty[Memory]
  val blocks: mutable.ArrayBuffer[Block] = mutable.ArrayBuffer.empty
  var discarded = 0

  override def acquire(bytes: Long): BlockSink.Segment = {
    val memory = new Memory(Platform.allocateMemory(bytes), bytes)
    // Rubbish, as in a segment that comes back from an earlier block: a writer must not rely on zeros.
    Platform.setMemory(memory.address, 0x5a.toByte, bytes)
    allocated += memory
    memory
  }

  override def discard(segment: BlockSink.Segment): Unit = discarded += 1

  override def send(segment: BlockSink.Segment, rows: Long, nodes: Array[Long], touched: ByteRanges): Unit =
    blocks += Block(segment.address, rows, nodes, touched.totalBytes)

  /** The blocks as Spark reads them. */
  def batches(schema: StructType): Seq[ColumnarBatch] = blocks.toSeq.map { block =>
    val columns = SegmentColumnVector.columns(schema, new NodeCursor(block.address, block.nodes, 0), block.rows)
    new ColumnarBatch(columns.toArray[ColumnVector], block.rows.toInt)
  }

  override def close(): Unit = allocated.foreach(memory => Platform.freeMemory(memory.address))
}

object MemorySink {
  final case class Block(address: Long, rows: Long, nodes: Array[Long], touchedBytes: Long)
  private final class Memory(val address: Long, val bytes: Long) extends BlockSink.Segment
}
