package io.raydp.exchange

import scala.annotation.tailrec
import scala.collection.mutable

import org.apache.spark.unsafe.Platform

/**
 * Exchanges blocks with the agent of another machine, through a relay there. Its segments are ordinary memory of this
 * process, and live for one block each. A task has at most one of each direction besides the one that it fills or reads.
 */
private[exchange] final class RelayedChannel(connection: RelayConnection, override val node: String)
    extends BlockChannel {
  private type Read = RelayRequest.BeginRead

  private val lent = mutable.HashMap.empty[Long, MappedSegment]
  private var segments = 0L
  private val unaccepted = mutable.Queue.empty[Long]
  private var requested: Option[(MappedSegment, Read)] = None

  override def agent: String = s"relay ${connection.relay}"

  override def lend(bytes: Long): MappedSegment = {
    val address =
      try Platform.allocateMemory(bytes)
      catch {
        case failure: OutOfMemoryError => throw new ExchangeException(
            ExchangeErrorCode.OUT_OF_MEMORY,
            "The system gives this executor no memory for a block that travels over TCP. Use fewer columns, or lower " +
              s"spark.raydp.exchange.blockSize. Addresses needed: $bytes bytes",
            failure)
      }
    segments += 1
    val segment = new MappedSegment(segments, bytes, address)
    lent(segments) = segment
    segment
  }

  override def lendForRead(bytes: Long): MappedSegment = lend(AgentConnection.sizeFor(bytes))

  override def giveBack(segment: MappedSegment): Unit = drop(segment)

  override def drop(segment: MappedSegment): Unit =
    lent.remove(segment.id).foreach(one => Platform.freeMemory(one.address))

  /** Nothing: segments are not used again. */
  override def trim(segment: MappedSegment, from: Long, to: Long): Unit = ()

  override def sendBlock(
      segment: MappedSegment,
      exportId: Long,
      rows: Long,
      nodes: Array[Long],
      reusable: Boolean,
      wait: AgentWait): Unit = {
    val block = PackedBlock.of(nodes)
    await(RelayRequest.BeginBlock(exportId, rows, block.bytes, block.nodes, reusable), wait, "has no room for a block")
    block.forEachChunk(segment, RelaySession.MostBytes) { (bytes, length) =>
      connection.call(RelayRequest.BlockBytes(bytes, length))
    }
    drop(segment)
    unaccepted.enqueue(segment.id)
  }

  override def awaitAccepted(wait: AgentWait): AcceptedBlock =
    await(RelayRequest.AwaitAccepted, wait, "did not accept a block") match {
      case RelayReply.Accepted(index) => new AcceptedBlock(unaccepted.dequeue(), index)
      case other => throw unexpected(other)
    }

  /** None: a segment is free when its bytes have been sent. The relay slows the task down if the agent is slow. */
  override def unstoredBlocks: Int = 0

  override def reclaim(wait: AgentWait): Unit = throw new IllegalStateException("There is nothing to reclaim")

  /** Requests nothing from the relay yet: the rows would take its memory while Spark processes those before them. */
  override def requestRead(
      segment: MappedSegment,
      dataset: Long,
      block: Int,
      fromRow: Long,
      maxRows: Long,
      columns: Array[Int],
      selection: Array[Int]): Unit =
    requested =
      Some(segment -> RelayRequest.BeginRead(segment.size, dataset, block, fromRow, maxRows, columns, selection))

  override def awaitRead(wait: AgentWait): ReadReply = {
    val (segment, read) = requested.getOrElse(throw new IllegalStateException("No read was requested"))
    connection.call(read)
    await(RelayRequest.AwaitRead, wait, "did not answer a read request") match {
      case rows: RelayReply.Rows if rows.bytes <= segment.size =>
        fetch(segment, rows.bytes)
        requested = None
        new ReadReply(rows.needsLargerSegment, rows.rows, rows.totalRows, rows.neededBytes, rows.nodes)
      case other => throw unexpected(other)
    }
  }

  override def abandonRead(segment: MappedSegment): Unit = {
    requested = None
    drop(segment)
  }

  override def cancel(): Unit = connection.cancel()

  override def close(): Unit = {
    connection.close()
    lent.values.toList.foreach(drop)
  }

  @tailrec
  private def fetch(segment: MappedSegment, end: Long, offset: Long = 0L): Unit = if (offset < end) {
    val length = math.min(end - offset, RelaySession.MostBytes.toLong).toInt
    connection.call(RelayRequest.FetchBytes(offset, length)) match {
      case RelayReply.Bytes(bytes) if bytes.length == length =>
        segment.write(offset, bytes)
      case other => throw unexpected(other)
    }
    fetch(segment, end, offset + length)
  }

  /** Repeats a request while its reply is pending. */
  private def await(request: RelayRequest, wait: AgentWait, what: String): RelayReply = {
    val deadline = System.nanoTime() + wait.millis * 1000000L
    Iterator.continually(connection.call(request)).find { reply =>
      val isPending = reply == RelayReply.Pending
      if (isPending && System.nanoTime() > deadline) {
        throw new ExchangeException(
          ExchangeErrorCode.TIMEOUT,
          s"The exchange agent behind a relay $what within ${wait.millis / 1000} s. Relay: ${connection.relay}. Is " +
            s"Ray's object store full, and spilling slow? Raise ${wait.setting} if so")
      }
      !isPending
    }.get
  }

  private def unexpected(reply: RelayReply) = new ExchangeException(
    ExchangeErrorCode.PROTOCOL,
    s"A relay sent an answer that does not fit. This is a defect of raydp. Relay: ${connection.relay}, answer: " +
      reply.getClass.getSimpleName)
}

private[exchange] object RelayedChannel {

  /**
   * Connects to a relay and authenticates to it.
   *
   * @throws ExchangeException the relay does not answer, has no agent now, or the task was cancelled
   */
  def to(
      relay: RelayAddress,
      address: AgentAddress,
      exportId: Option[Long],
      cancellation: Cancellation): RelayedChannel = {
    val connection = new RelayConnection(Relays.connect(relay), relay)
    try {
      cancellation.beforeWait(() => connection.cancel())
      connection.call(RelayRequest.Hello(address.application, address.token, exportId)) match {
        case RelayReply.Welcome(node) => new RelayedChannel(connection, node)
        case other => throw new ExchangeException(
            ExchangeErrorCode.PROTOCOL,
            s"A relay answered HELLO with ${other.getClass.getSimpleName}. Relay: $relay")
      }
    } catch {
      case failure: Throwable =>
        connection.close()
        throw failure
    }
  }
}
