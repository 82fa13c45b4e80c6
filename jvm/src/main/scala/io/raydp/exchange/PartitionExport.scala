package io.raydp.exchange

import org.apache.spark.TaskContext
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.UnsafeRow
import org.apache.spark.sql.catalyst.expressions.codegen.UnsafeRowWriter
import org.apache.spark.sql.execution.metric.SQLMetric
import org.apache.spark.sql.types.StructType
import org.apache.spark.sql.vectorized.ColumnarBatch

import io.raydp.exchange.columns.{BlockSink, BlockWriter, ByteRanges}

/** What every task of an export needs; travels with the generated code. */
private[exchange] final case class ExportTask(
    schema: StructType,
    request: ExportRequest,
    metrics: Map[String, SQLMetric]) {

  /** Begins the export of the current task's partition. */
  def open(): PartitionExport = new PartitionExport(this, TaskContext.get())
}

/** The export of one partition by one task attempt. A partition without rows never connects to the agent. */
final class PartitionExport private[exchange] (task: ExportTask, context: TaskContext) {
  private lazy val lease = new ConnectionLease(task.request.agent, context, Some(task.request.conversion))
  private var ring: Option[SegmentRing] = None

  /** Where the task's rows go. */
  val writer: BlockWriter = new BlockWriter(task.schema, task.request.blockBytes, Sink)

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
   * Sends what is left and returns the row that tells the driver where it went. The agent has promised by then to store
   * it: while it does, this slot's next task may fill the other segment.
   */
  def finish(): UnsafeRow = {
    writer.finish()
    val partition = ring.fold(PartitionBlocks("", Nil)) { segments =>
      val blocks = lease.guarded(segments.finish())
      lease.release()
      task.metrics(PartitionExport.WaitTime) += segments.waitedNanos
      PartitionBlocks(AgentAddress.nodeHere(), blocks)
    }
    task.metrics(PartitionExport.Rows) += partition.blocks.map(_.rows).sum
    task.metrics(PartitionExport.Blocks) += partition.blocks.size
    task.metrics(PartitionExport.Bytes) += partition.blocks.map(_.bytes).sum
    val row = new UnsafeRowWriter(1)
    row.resetRowWriter()
    row.write(0, partition.encode())
    row.getRow
  }

  private object Sink extends BlockSink {
    override def acquire(bytes: Long): BlockSink.Segment = lease.guarded {
      if (ring.isEmpty) {
        val request = task.request
        val number = ExportLineage.number(request, context)
        context.addTaskCompletionListener[Unit](_ => lease.abandon())
        ring = Some(new SegmentRing(lease.connection, number, request.blockBytes, lease.timeoutMillis))
      }
      ring.get.acquire(bytes)
    }

    override def discard(segment: BlockSink.Segment): Unit = ring.foreach(_.discard(segment))

    override def send(segment: BlockSink.Segment, rows: Long, nodes: Array[Long], touched: ByteRanges): Unit =
      lease.guarded(ring.foreach(_.send(segment, rows, nodes, touched)))
  }
}

private[exchange] object PartitionExport {
  val Rows = "rows"
  val Blocks = "blocks"
  val Bytes = "bytes"
  val WaitTime = "waitTime"
}
