package io.raydp.exchange

import scala.annotation.tailrec

import org.apache.spark.TaskContext
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.connector.read.{InputPartition, PartitionReader, PartitionReaderFactory}
import org.apache.spark.sql.types.StructType
import org.apache.spark.sql.vectorized.{ColumnVector, ColumnarBatch}

/**
 * What the tasks of a scan request from their agents.
 *
 * @param columns the columns to read; structs have only the fields to read
 * @param ordinals the columns' indexes in the Dataset's schema
 * @param selection which parts of each column to read; see [[ColumnPruning.selection]]
 * @param limit how many rows a task needs to return at most
 */
private[exchange] final case class BlockRead(
    dataset: Long,
    agent: AgentAddress,
    columns: StructType,
    ordinals: Array[Int],
    selection: Array[Int],
    segmentBytes: Long,
    limit: Option[Long])

/** Creates the readers of a scan's tasks. Holds the Dataset's lease on the driver. */
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
 * Reads the row ranges of one partition. The agent fills one segment while Spark processes the columns in the other. A
 * batch is valid until the next one is requested. Reads are idempotent: if an agent dies, its successor is asked again.
 */
private[exchange] final class BlockReader(read: BlockRead, ranges: Seq[RowRange], context: TaskContext)
    extends PartitionReader[ColumnarBatch] {
  private var lease: Option[ConnectionLease] = None
  private var unread = ranges.toList
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
      // Without a segment there may be no connection yet either.
      reading.foreach(segment => held.connection.giveBack(segment))
      requested.foreach(segment => held.connection.abandonRead(segment))
      held.release()
    }
    forgetLease()
  }

  /** A batch without columns. If the driver knows the row counts, it needs no data. */
  private def countedBatch(): Option[ColumnarBatch] = unread match {
    case RowRange(block, from, Some(rows)) :: others =>
      val count = math.min(math.min(rows, rowsLeft), BlockReader.MaximumBatchRows)
      unread = if (count == rows) others else RowRange(block, from + count, Some(rows - count)) :: others
      rowsLeft -= count
      if (count == 0) countedBatch() else Some(new ColumnarBatch(Array.empty[ColumnVector], count.toInt))
    case Nil => None
    case _ => nextBatch()
  }

  @tailrec
  private def nextBatch(): Option[ColumnarBatch] = unread match {
    case Nil => None
    case range :: others =>
      val reply = receive(range)
      unread = rowsAfter(range, reply) ++: others
      rowsLeft -= reply.rows
      if (reply.rows > 0) {
        requestNext()
        val columns = SegmentColumnVector.columns(read.columns, reply.columns(reading.get.address), reply.rows)
        Some(new ColumnarBatch(columns.toArray[ColumnVector], Math.toIntExact(reply.rows)))
      } else if (rowsLeft == 0) None
      else nextBatch()
  }

  /** The part of a range that the reply to its request does not contain. */
  private def rowsAfter(range: RowRange, reply: ReadReply): Option[RowRange] = {
    val available = reply.totalRows - range.fromRow
    val expected = range.rows.getOrElse(available)
    if (expected > available || (reply.rows == 0 && expected > 0)) {
      throw new ExchangeException(
        ExchangeErrorCode.PROTOCOL,
        "A block of the Ray Dataset has fewer rows than its metadata says. Convert the Dataset again. " +
          s"Dataset: ${read.dataset}, block: ${range.block}, rows: $available, expected: $expected")
    }
    Option.when(reply.rows < expected)(
      RowRange(range.block, range.fromRow + reply.rows, Some(expected - reply.rows)))
  }

  /** Waits for the reply to the request for `range`, whose rows are then in the segment `reading`. */
  @tailrec
  private def receive(range: RowRange, bytes: Long = read.segmentBytes): ReadReply = {
    val reply =
      try {
        val reply = guarded { held =>
          if (requested.isEmpty) request(held, range, bytes)
          held.connection.awaitRead(held.waits.read)
        }
        // Spark has finished with the previous batch, so its segment can be filled next.
        reading.foreach(lease.get.connection.giveBack)
        reading = requested
        requested = None
        Some(reply)
      } catch {
        case lost: ExchangeException
            if lost.code == ExchangeErrorCode.CONNECTION_CLOSED && agentsLost < BlockReader.MaximumAgentsLost =>
          agentsLost += 1
          lease.foreach(_.abandon())
          forgetLease()
          None
        case refusal: ExchangeException if refusal.code == ExchangeErrorCode.REMOTE_FAILED =>
          throw DataException.of(refusal).getOrElse(refusal)
      }
    reply match {
      case Some(answer) if !answer.needsLargerSegment => answer
      case Some(answer) =>
        reading.foreach(lease.get.connection.drop)
        reading = None
        receive(range, answer.neededBytes)
      case None => receive(range, bytes)
    }
  }

  /** Requests the next rows, if any are needed, while Spark processes the ones received. */
  private def requestNext(): Unit = if (rowsLeft > 0) unread.headOption.foreach { range =>
    try guarded(request(_, range, read.segmentBytes))
    catch {
      // The received rows are still valid. The next wait fails in the same way and asks the agent's successor.
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

  /** Bounds the attempts at a block that kills every agent that reads it. */
  private val MaximumAgentsLost = 3
}
