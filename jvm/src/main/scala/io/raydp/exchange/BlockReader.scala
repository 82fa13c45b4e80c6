package io.raydp.exchange

import org.apache.spark.TaskContext
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.connector.read.{InputPartition, PartitionReader, PartitionReaderFactory}
import org.apache.spark.sql.types.StructType
import org.apache.spark.sql.vectorized.{ColumnVector, ColumnarBatch}

/**
 * What the tasks of a scan ask their agents for.
 *
 * @param ordinals the columns' places in the Dataset's schema
 * @param limit the most rows that any task need return
 */
private[exchange] final case class BlockRead(
    dataset: Long,
    agent: AgentAddress,
    columns: StructType,
    ordinals: Array[Int],
    segmentBytes: Long,
    limit: Option[Long])

/** Makes the readers of a scan's tasks. Holds the Dataset's lease on the driver. */
private[exchange] final class RayReaderFactory(read: BlockRead, @transient private val lease: DatasetLease)
    extends PartitionReaderFactory {
  override def supportColumnarReads(partition: InputPartition): Boolean = true

  override def createColumnarReader(partition: InputPartition): PartitionReader[ColumnarBatch] =
    partition match {
      case own: RayInputPartition => new BlockReader(read, own.planned.ranges, TaskContext.get())
      case other => throw new IllegalArgumentException(s"Not a partition of a Ray Dataset: $other")
    }

  override def createReader(partition: InputPartition): PartitionReader[InternalRow] =
    throw new UnsupportedOperationException("Ray Datasets are read in columns only")
}

/**
 * Reads the row ranges of one partition. While Spark works on the columns in one segment, the agent already fills the
 * other. A batch is valid until the next one is asked for.
 */
private[exchange] final class BlockReader(read: BlockRead, ranges: Seq[RowRange], context: TaskContext)
    extends PartitionReader[ColumnarBatch] {
  private lazy val lease = new ConnectionLease(read.agent, context)
  private var connected = false
  private var todo = ranges.toList
  private var rowsLeft = read.limit.getOrElse(Long.MaxValue)
  private var requested: Option[(RowRange, MappedSegment)] = None
  private var reading: Option[MappedSegment] = None
  private var batch: Option[ColumnarBatch] = None

  context.addTaskCompletionListener[Unit](_ => close())

  override def next(): Boolean = {
    batch = if (rowsLeft == 0) None else if (read.ordinals.isEmpty) countedBatch() else nextBatch()
    if (batch.isEmpty) close()
    batch.isDefined
  }

  override def get(): ColumnarBatch = batch.getOrElse(throw new NoSuchElementException("next() has not returned true"))

  override def close(): Unit = if (connected) {
    connected = false
    reading.foreach(lease.connection.giveBack)
    requested.foreach { case (_, segment) => lease.connection.abandonRead(segment) }
    lease.release()
  }

  /** Without columns only the number of rows matters, which needs no data where the driver knows it. */
  private def countedBatch(): Option[ColumnarBatch] = todo match {
    case RowRange(block, from, Some(rows)) :: others =>
      val count = math.min(math.min(rows, rowsLeft), BlockReader.MaximumBatchRows)
      todo = if (count == rows) others else RowRange(block, from + count, Some(rows - count)) :: others
      rowsLeft -= count
      if (count == 0) countedBatch() else Some(new ColumnarBatch(Array.empty[ColumnVector], count.toInt))
    case Nil => None
    case _ => nextBatch()
  }

  private def nextBatch(): Option[ColumnarBatch] = {
    if (requested.isEmpty) request()
    requested match {
      case None => None
      case Some((range, segment)) =>
        val reply = lease.guarded(lease.connection.awaitRead(lease.timeoutMillis))
        requested = None
        if (reply(BlockReader.Status) == BlockReader.Grow) {
          lease.connection.drop(segment)
          request(reply(BlockReader.NeededBytes))
          nextBatch()
        } else {
          receive(range, segment, reply)
        }
    }
  }

  private def receive(range: RowRange, segment: MappedSegment, reply: Array[Long]): Option[ColumnarBatch] = {
    val rows = reply(BlockReader.Rows)
    val available = reply(BlockReader.TotalRows) - range.fromRow
    val wanted = range.rows.getOrElse(available)
    if (wanted > available || (rows == 0 && wanted > 0)) {
      throw new ExchangeException(
        ExchangeErrorCode.PROTOCOL,
        "A block of the Ray Dataset has fewer rows than its metadata says. Convert the Dataset again. " +
          s"Dataset: ${read.dataset}, block: ${range.block}, rows: $available, expected: $wanted")
    }
    todo =
      if (rows < wanted) RowRange(range.block, range.fromRow + rows, Some(wanted - rows)) :: todo.tail else todo.tail
    rowsLeft -= rows
    // The batch handed out before this one is done with, so its segment can be filled meanwhile.
    reading.foreach(lease.connection.giveBack)
    reading = Some(segment)
    if (rowsLeft > 0) request()
    if (rows == 0) nextBatch()
    else {
      val columns = SegmentColumnVector.columns(read.columns, segment.address, reply, BlockReader.Nodes)
      Some(new ColumnarBatch(columns.toArray[ColumnVector], Math.toIntExact(rows)))
    }
  }

  /** Asks for the next rows in an idle segment, unless there are none. */
  private def request(bytes: Long = read.segmentBytes): Unit = todo.headOption.foreach { range =>
    connected = true
    val segment = lease.connection.lend(math.max(bytes, read.segmentBytes))
    val rows = math.min(range.rows.getOrElse(Long.MaxValue), rowsLeft)
    lease.connection.requestRead(segment, read.dataset, range.block, range.fromRow, rows, read.ordinals)
    requested = Some((range, segment))
  }
}

private[exchange] object BlockReader {
  private val MaximumBatchRows = 1L << 20

  // The reply of AgentConnection.awaitRead: segment id, status, from row, rows, total rows, needed bytes, nodes.
  private val Status = 1
  private val Rows = 3
  private val TotalRows = 4
  private val NeededBytes = 5
  private val Nodes = 6
  private val Grow = 1L
}
