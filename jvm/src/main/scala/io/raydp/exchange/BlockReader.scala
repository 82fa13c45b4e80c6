package io.raydp.exchange

import scala.annotation.tailrec

import org.apache.spark.TaskContext
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.connector.read.{InputPartition, PartitionReader, PartitionReaderFactory}
import org.apache.spark.sql.types.StructType
import org.apache.spark.sql.vectorized.{ColumnVector, ColumnarBatch}

/**
 * What the tasks of a scan ask their agents for.
 *
 * @param columns the columns, nested ones with the fields that are wanted
 * @param ordinals the columns' places in the Dataset's schema
 * @param selection what is wanted of each column; see [[ColumnPruning.selection]]
 * @param limit the most rows that any task need return
 */
private[exchange] final case class BlockRead(
    dataset: Long,
    agent: AgentAddress,
    columns: StructType,
    ordinals: Array[Int],
    selection: Array[Int],
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
 * other. A batch is valid until the next one is asked for. Reading changes nothing, so that what an agent took with it
 * when it died is asked of its successor.
 */
private[exchange] final class BlockReader(read: BlockRead, ranges: Seq[RowRange], context: TaskContext)
    extends PartitionReader[ColumnarBatch] {
  private var lease: Option[ConnectionLease] = None
  private var todo = ranges.toList
  private var rowsLeft = read.limit.getOrElse(Long.MaxValue)
  private var requested: Option[MappedSegment] = None
  private var reading: Option[MappedSegment] = None
  private var batch: Option[ColumnarBatch] = None
  private var agentsLost = 0

  context.addTaskCompletionListener[Unit](_ => close())

  override def next(): Boolean = {
    batch = if (rowsLeft == 0) None else if (read.ordinals.isEmpty) countedBatch() else nextBatch()
    if (batch.isEmpty) close()
    batch.isDefined
  }

  override def get(): ColumnarBatch = batch.getOrElse(throw new NoSuchElementException("next() has not returned true"))

  override def close(): Unit = {
    lease.foreach { held =>
      reading.foreach(held.connection.giveBack)
      requested.foreach(held.connection.abandonRead)
      held.release()
    }
    forgetLease()
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

  @tailrec
  private def nextBatch(): Option[ColumnarBatch] = todo match {
    case Nil => None
    case range :: others =>
      val reply = receive(range)
      val rows = reply(BlockReader.Rows)
      todo = rowsAfter(range, rows, reply(BlockReader.TotalRows)) ++: others
      rowsLeft -= rows
      if (rows > 0) {
        lookAhead()
        val columns = SegmentColumnVector.columns(read.columns, reading.get.address, reply, BlockReader.Nodes)
        Some(new ColumnarBatch(columns.toArray[ColumnVector], Math.toIntExact(rows)))
      } else if (rowsLeft == 0) None
      else nextBatch()
  }

  /** What is left of a range of which so many rows came. */
  private def rowsAfter(range: RowRange, rows: Long, totalRows: Long): Option[RowRange] = {
    val available = totalRows - range.fromRow
    val wanted = range.rows.getOrElse(available)
    if (wanted > available || (rows == 0 && wanted > 0)) {
      throw new ExchangeException(
        ExchangeErrorCode.PROTOCOL,
        "A block of the Ray Dataset has fewer rows than its metadata says. Convert the Dataset again. " +
          s"Dataset: ${read.dataset}, block: ${range.block}, rows: $available, expected: $wanted")
    }
    Option.when(rows < wanted)(RowRange(range.block, range.fromRow + rows, Some(wanted - rows)))
  }

  /** The reply to the request for `range`, whose rows then lie in the segment `reading`. */
  @tailrec
  private def receive(range: RowRange, bytes: Long = read.segmentBytes): Array[Long] = {
    val reply =
      try {
        val reply = guarded { held =>
          if (requested.isEmpty) request(held, range, bytes)
          held.connection.awaitRead(held.timeoutMillis)
        }
        // The batch before this one is done with, so its segment can be filled next.
        reading.foreach(lease.get.connection.giveBack)
        reading = requested
        requested = None
        Some(reply)
      } catch {
        case lost: ExchangeException
            if lost.code == ExchangeErrorCode.CONNECTION_CLOSED && agentsLost < BlockReader.MostAgentsLost =>
          agentsLost += 1
          lease.foreach(_.abandon())
          forgetLease()
          None
      }
    reply match {
      case Some(answer) if answer(BlockReader.Status) != BlockReader.Grow => answer
      case Some(answer) =>
        reading.foreach(lease.get.connection.drop)
        reading = None
        receive(range, answer(BlockReader.NeededBytes))
      case None => receive(range, bytes)
    }
  }

  /** Asks for the rows after those that were received, if any are wanted. */
  private def lookAhead(): Unit = if (rowsLeft > 0) todo.headOption.foreach { range =>
    try guarded(request(_, range, read.segmentBytes))
    catch {
      // The rows at hand are still good; the next wait meets the same end and asks the agent's successor.
      case lost: ExchangeException if lost.code == ExchangeErrorCode.CONNECTION_CLOSED =>
    }
  }

  private def request(held: ConnectionLease, range: RowRange, bytes: Long): Unit = {
    val segment = held.connection.lendForRead(math.max(bytes, read.segmentBytes))
    val rows = math.min(range.rows.getOrElse(Long.MaxValue), rowsLeft)
    held.connection.requestRead(segment, read.dataset, range.block, range.fromRow, rows, read.ordinals, read.selection)
    requested = Some(segment)
  }

  private def guarded[T](body: ConnectionLease => T): T = {
    if (lease.isEmpty) lease = Some(new ConnectionLease(read.agent, context))
    lease.get.guarded(body(lease.get))
  }

  private def forgetLease(): Unit = {
    lease = None
    reading = None
    requested = None
  }
}

private[exchange] object BlockReader {
  private val MaximumBatchRows = 1L << 20

  /** A block that kills every agent which reads it must not be asked for without end. */
  private val MostAgentsLost = 3

  // The reply of AgentConnection.awaitRead: segment id, status, from row, rows, total rows, needed bytes, nodes.
  private val Status = 1
  private val Rows = 3
  private val TotalRows = 4
  private val NeededBytes = 5
  private val Nodes = 6
  private val Grow = 1L
}
