package io.raydp.exchange

import java.util.concurrent.Executor

import scala.collection.mutable
import scala.util.control.NonFatal

/**
 * A relay's part of one task's exchange: it does with a connection to its own agent what the task asks for. It has at
 * most two blocks that the agent has to store, one of which arrives, and the rows of one read. This bounds the memory that
 * a task takes here.
 *
 * @param workers run what waits
 */
private[exchange] final class RelaySession(
    connection: AgentConnection,
    address: AgentAddress,
    cancellation: Cancellation,
    pool: AgentConnectionPool,
    workers: Executor) {
  import RelaySession._

  private final class Incoming(val begun: RelayRequest.BeginBlock, val segment: MappedSegment) {
    var received = 0L
  }

  private final class Rows(val segment: MappedSegment) {
    var bytes: Option[Long] = None // once the agent has answered
  }

  // Only the thread of the current request uses these.
  private var incoming: Option[Incoming] = None
  private var unaccepted = 0
  private val accepted = mutable.Queue.empty[Long]
  private var rows: Option[Rows] = None
  private var failed = false

  // Guarded by this.
  private var busy = false
  private var ended = false

  def node: String = connection.node

  /** Answers one request. The caller waits for the answer before the next request. */
  def answer(request: RelayRequest): RelayReply = {
    val begun = synchronized {
      val free = !busy && !ended
      if (free) busy = true
      free
    }
    if (!begun) throw protocol("It sent a request before the answer to the one before")
    try handle(request)
    catch {
      case NonFatal(failure) =>
        failed = true
        throw failure
    } finally {
      val last = synchronized {
        busy = false
        ended
      }
      if (last) dispose()
    }
  }

  /** The client has left. Does not wait. */
  def end(): Unit = synchronized {
    if (!ended) {
      ended = true
      if (busy) cancellation.cancel() else workers.execute(() => dispose())
    }
  }

  private def handle(request: RelayRequest): RelayReply = request match {
    case begin: RelayRequest.BeginBlock => beginBlock(begin)
    case bytes: RelayRequest.BlockBytes => takeBytes(bytes)
    case RelayRequest.AwaitAccepted =>
      if (accepted.nonEmpty || takeAcceptance()) RelayReply.Accepted(accepted.dequeue()) else RelayReply.Pending
    case begin: RelayRequest.BeginRead => beginRead(begin)
    case RelayRequest.AwaitRead => awaitRead()
    case RelayRequest.FetchBytes(offset, length) => fetch(offset, length)
    case other => throw protocol(s"A task does not send ${other.getClass.getSimpleName}")
  }

  private def beginBlock(begin: RelayRequest.BeginBlock): RelayReply =
    if (incoming.isDefined || begin.bytes < 0) throw protocol("It began a block within another one")
    else if (!hasRoom) RelayReply.Pending
    else {
      val block = new Incoming(begin, connection.lend(begin.bytes))
      incoming = Some(block)
      sendIfComplete(block)
      RelayReply.Done
    }

  /** Whether the agent has stored the block before the last one. Waits for it a while. */
  private def hasRoom: Boolean = connection.unstoredBlocks < MostBlocks ||
    ((if (unaccepted > 0) takeAcceptance() else inTime(connection.reclaim(slice)).isDefined) && hasRoom)

  private def takeBytes(bytes: RelayRequest.BlockBytes): RelayReply = {
    val block = incoming.getOrElse(throw protocol("It sent bytes without a block"))
    if (bytes.length > block.begun.bytes - block.received) throw protocol("It sent more bytes than announced")
    block.segment.write(block.received, bytes.message, 1, bytes.length)
    block.received += bytes.length
    sendIfComplete(block)
    RelayReply.Done
  }

  private def sendIfComplete(block: Incoming): Unit = if (block.received == block.begun.bytes) {
    incoming = None
    val begun = block.begun
    connection.sendBlock(block.segment, begun.exportId, begun.rows, begun.nodes, begun.reusable, slice)
    unaccepted += 1
  }

  private def takeAcceptance(): Boolean = inTime(connection.awaitAccepted(slice)).exists { block =>
    accepted.enqueue(block.index)
    unaccepted -= 1
    true
  }

  private def beginRead(begin: RelayRequest.BeginRead): RelayReply =
    if (rows.isDefined) throw protocol("It began to read while it read")
    else {
      val segment = connection.lendForRead(begin.segmentBytes)
      rows = Some(new Rows(segment))
      connection.requestRead(
        segment,
        begin.dataset,
        begin.block,
        begin.fromRow,
        begin.maxRows,
        begin.columns,
        begin.selection)
      RelayReply.Done
    }

  private def awaitRead(): RelayReply = {
    val reading = rows.filter(_.bytes.isEmpty).getOrElse(throw protocol("It waits for rows that it did not request"))
    inTime(connection.awaitRead(slice)).fold[RelayReply](RelayReply.Pending) { reply =>
      val bytes = if (reply.needsLargerSegment) 0L else reply.usedBytes
      reading.bytes = Some(bytes)
      giveBackIfFetched(0L)
      RelayReply.Rows(
        reply.needsLargerSegment,
        reply.rows,
        reply.totalRows,
        reply.neededBytes,
        if (reply.needsLargerSegment) Array.emptyLongArray else reply.nodes,
        bytes)
    }
  }

  private def fetch(offset: Long, length: Int): RelayReply = {
    val reading = rows.getOrElse(throw protocol("It fetches bytes of no rows"))
    val available = reading.bytes.getOrElse(0L)
    if (offset < 0 || length < 1 || length > MostBytes || length > available - offset) {
      throw protocol(s"It fetches bytes that there are not: $length at $offset of $available")
    }
    val bytes = new Array[Byte](1 + length)
    reading.segment.read(offset, bytes, 1, length)
    giveBackIfFetched(offset + length)
    RelayReply.Bytes(bytes)
  }

  private def giveBackIfFetched(until: Long): Unit = rows.filter(_.bytes.contains(until)).foreach { reading =>
    connection.giveBack(reading.segment)
    rows = None
  }

  /** Returns the connection with what it has still to store, or closes it if the agent must drop something. */
  private def dispose(): Unit = {
    cancellation.forgetWait()
    if (failed || incoming.isDefined || rows.isDefined || unaccepted > 0) pool.discard(connection)
    else pool.release(connection, address)
  }

  private def slice: AgentWait = new AgentWait(SliceMillis, address.waits.block.setting)

  private def protocol(problem: String): ExchangeException = new ExchangeException(
    ExchangeErrorCode.PROTOCOL,
    s"A relay's client breaks the protocol. This is a defect of raydp. $problem")
}

private[exchange] object RelaySession {

  /** How long one request may wait. Spark closes connections that are quiet for long, and a client may be gone. */
  val SliceMillis = 5000

  /** The most bytes of blocks in one message. */
  val MostBytes: Int = 1 << 20

  /** How many requests of a client may be underway, so that both ends and the network work at the same time. */
  val MostRequests = 4

  /** How many blocks of a task a relay has at a time: the agent stores one while another one arrives. */
  private val MostBlocks = 2

  /** The result, or none if it takes longer. The wait can be repeated. */
  private def inTime[T](wait: => T): Option[T] =
    try Some(wait)
    catch { case late: ExchangeException if late.code == ExchangeErrorCode.TIMEOUT => None }
}
