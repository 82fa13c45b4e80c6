package io.raydp.exchange

import org.apache.spark.TaskContext
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.UnsafeRow
import org.apache.spark.sql.catalyst.expressions.codegen.UnsafeRowWriter
import org.apache.spark.sql.execution.metric.SQLMetric
import org.apache.spark.sql.types.StructType
import org.apache.spark.sql.vectorized.ColumnarBatch

import io.raydp.exchange.columns.{BlockSink, BlockWriter, ByteRanges}

/** What every task of an export needs; serialized with the generated code. */
private[exchange] final case class ExportTaskSpec(
    schema: StructType,
    request: ExportRequest,
    metrics: Map[String, SQLMetric])

/** Exports one partition in one task attempt. A partition without rows never connects to the agent. */
final class ExportTask private[exchange] (spec: ExportTaskSpec) {
  private val context = TaskContext.get()
  private lazy val exportId = ExportIds.ofTask(spec.request, context)
  private lazy val lease = {
    val created = new ConnectionLease(spec.request.agent, context, Some(exportId))
    context.addTaskCompletionListener[Unit](_ => created.abandon())
    created
  }
  private var ring: Option[SegmentRing] = None

  /** Takes the task's rows. */
  val writer: BlockWriter = new BlockWriter(spec.schema, spec.request.blockBytes, Sink)

  /** Exports every row of the partition, for plans without generated code. */
  def writeAll(rows: Iterator[InternalRow]): UnsafeRow = {
    rows.foreach(row => writer.write(row))
    finish()
  }

  /** Exports every batch of the partition, column by column. */
  def writeBatches(batches: Iterator[ColumnarBatch]): UnsafeRow = {
    batches.foreach(batch => writer.write(batch))
    finish()
  }

  /**
   * Sends the last block and returns the row that tells the driver where the blocks are. By then the agent has promised
   * to store them: while it does, the next task in this slot can fill the other segment.
   */
  def finish(): UnsafeRow = {
    writer.finish()
    val partition = ring.fold(PartitionBlocks("", Nil)) { segments =>
      val blocks = lease.guarded(segments.finish())
      val node = lease.connection.node
      lease.release()
      spec.metrics(ExportTask.WaitTime) += segments.waitedNanos
      PartitionBlocks(node, blocks)
    }
    spec.metrics(ExportTask.Rows) += partition.blocks.map(_.rows).sum
    spec.metrics(ExportTask.Blocks) += partition.blocks.size
    spec.metrics(ExportTask.Bytes) += partition.blocks.map(_.bytes).sum
    val row = new UnsafeRowWriter(1)
    row.resetRowWriter()
    row.write(0, partition.encode())
    row.getRow
  }

  private object Sink extends BlockSink {
    override def acquire(bytes: Long): BlockSink.Segment = lease.guarded {
      if (ring.isEmpty) {
        val blockBytes = spec.request.blockBytes
        ring = Some(new SegmentRing(lease.connection, exportId, blockBytes, lease.waits.block))
      }
      ring.get.acquire(bytes)
    }

    override def discard(segment: BlockSink.Segment): Unit = ring.foreach(_.discard(segment))

    override def send(segment: BlockSink.Segment, rows: Long, nodes: Array[Long], touched: ByteRanges): Unit =
      lease.guarded(ring.foreach(_.send(segment, rows, nodes, touched)))
  }
}

private[exchange] object ExportTask {
  val Rows = "rows"
  val Blocks = "blocks"
  val Bytes = "bytes"
  val WaitTime = "waitTime"
}
