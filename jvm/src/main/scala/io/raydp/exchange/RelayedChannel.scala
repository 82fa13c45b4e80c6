package io.raydp.exchange

import java.util.concurrent.{CompletableFuture, ExecutionException, Executors}

import scala.collection.mutable

import org.apache.spark.unsafe.Platform

/**
 * Exchanges blocks with the agent of another machine, through a relay there. It sends a block, and fetches rows, in a
 * thread of its own while the task goes on. Its segments are ordinary memory of this process. A task has at most one of
 * each direction besides the one that it fills or reads.
 */
private[exchange] final class RelayedChannel(
    connection: RelayConnection,
    override val node: String,
    readWait: AgentWait) extends BlockChannel {
  import RelayedChannel._

  private val lent = mutable.HashMap.empty[Long, MappedSegment]
  private var segments = 0L
  private val unaccepted = mutable.Queue.empty[Long]
  private val scattered = mutable.Set.empty[Long]
  private var spare: Option[MappedSegment] = None
  private var sending: Option[Underway[Unit]] = None
  private var fetching: Option[Underway[ReadReply]] = None

  override def agent: String = s"relay ${connection.relay}"

  override def lend(bytes: Long): MappedSegment = {
    val fitting = spare.filter(one => one.size >= bytes && one.size / 2 <= bytes)
    if (fitting.isEmpty) spare.foreach(free)
    spare = None
    fitting.fold(newSegment(bytes))(again)
  }

  /** The same memory as another segment, because the block before may still be waited for by its segment's id. */
  private def again(segment: MappedSegment): MappedSegment = {
    lent -= segment.id
    val created = keep(segment.size, segment.address)
    created.setTouched(segment.touched)
    created
  }

  private def keep(bytes: Long, address: Long): MappedSegment = {
    segments += 1
    val segment = new MappedSegment(segments, bytes, address)
    lent(segments) = segment
    segment
  }

  private def newSegment(bytes: Long): MappedSegment = {
    val address =
      try Platform.allocateMemory(bytes)
      catch {
        case failure: OutOfMemoryError => throw new ExchangeException(
            ExchangeErrorCode.OUT_OF_MEMORY,
            "The system gives this executor no memory for a block that travels over TCP. Use fewer columns, or lower " +
              s"spark.raydp.exchange.blockSize. Addresses needed: $bytes bytes",
            failure)
      }
    keep(bytes, address)
  }

  override def lendForRead(bytes: Long): MappedSegment = lend(AgentConnection.sizeFor(bytes))

  /** Keeps the segment for the next block: to touch new memory takes as long as to send it. */
  override def giveBack(segment: MappedSegment): Unit = {
    spare.foreach(free)
    spare = Some(segment)
  }

  override def drop(segment: MappedSegment): Unit = free(segment)

  private def free(segment: MappedSegment): Unit = {
    scattered -= segment.id
    lent.remove(segment.id).foreach(one => Platform.freeMemory(one.address))
  }

  /** Lets the whole segment be freed after its block: ordinary memory cannot be returned page by page. */
  override def trim(segment: MappedSegment, from: Long, to: Long): Unit = scattered += segment.id

  override def sendBlock(
      segment: MappedSegment,
      exportId: Long,
      rows: Long,
      nodes: Array[Long],
      reusable: Boolean,
      wait: AgentWait): Unit = {
    awaitSent()
    val block = PackedBlock.of(nodes)
    unaccepted.enqueue(segment.id)
    sending = Some(begin(segment, reusable) {
      await(
        RelayRequest.BeginBlock(exportId, rows, block.bytes, block.nodes, reusable),
        wait,
        "has no room for a block")
      send(block, segment)
    })
  }

  private def send(block: PackedBlock, segment: MappedSegment): Unit = {
    val free = mutable.Queue.fill(RelaySession.MostRequests)(Array.emptyByteArray)
    val underway = mutable.Queue.empty[(CompletableFuture[RelayReply], Array[Byte])]
    def awaitOne(): Unit = {
      val (reply, message) = underway.dequeue()
      connection.answer(reply)
      free.enqueue(message)
    }
    for (begin <- 0L until block.bytes by RelaySession.MostBytes.toLong) {
      if (free.isEmpty) awaitOne()
      val length = math.min(block.bytes - begin, RelaySession.MostBytes.toLong).toInt
      val known = free.dequeue()
      val message = if (known.length > length) known else new Array[Byte](1 + length)
      block.copy(segment, begin, message, 1, length)
      underway.enqueue(connection.send(RelayRequest.BlockBytes(message, length)) -> message)
    }
    while (underway.nonEmpty) awaitOne()
  }

  private def awaitSent(): Unit = sending.foreach { underway =>
    try underway.result()
    catch {
      case failure: Throwable =>
        stop() // the thread may still use the segment
        throw failure
    }
    sending = None
    if (underway.reusable && !scattered(underway.segment.id)) giveBack(underway.segment) else drop(underway.segment)
  }

  override def awaitAccepted(wait: AgentWait): AcceptedBlock = {
    awaitSent()
    await(RelayRequest.AwaitAccepted, wait, "did not accept a block") match {
      case RelayReply.Accepted(index) => new AcceptedBlock(unaccepted.dequeue(), index)
      case other => throw unexpected(other)
    }
  }

  /** None: a segment is free when its bytes have been sent. The relay slows the task down if the agent is slow. */
  override def unstoredBlocks: Int = 0

  override def reclaim(wait: AgentWait): Unit = throw new IllegalStateException("There is nothing to reclaim")

  /** Fetches the rows at once: they take the relay's memory only while they cross. */
  override def requestRead(
      segment: MappedSegment,
      dataset: Long,
      block: Int,
      fromRow: Long,
      maxRows: Long,
      columns: Array[Int],
      selection: Array[Int]): Unit = {
    val read = RelayRequest.BeginRead(segment.size, dataset, block, fromRow, maxRows, columns, selection)
    fetching = Some(begin(segment, reusable = true) {
      connection.call(read)
      await(RelayRequest.AwaitRead, readWait, "did not answer a read request") match {
        case rows: RelayReply.Rows if rows.bytes <= segment.size =>
          fetch(segment, rows.bytes)
          new ReadReply(rows.needsLargerSegment, rows.rows, rows.totalRows, rows.neededBytes, rows.nodes)
        case other => throw unexpected(other)
      }
    })
  }

  override def awaitRead(wait: AgentWait): ReadReply = {
    val reply = fetching.getOrElse(throw new IllegalStateException("No read was requested")).result()
    fetching = None
    reply
  }

  /** Ends the connection as well: the rows may be on their way. */
  override def abandonRead(segment: MappedSegment): Unit = {
    stop()
    drop(segment)
  }

  override def cancel(): Unit = connection.cancel()

  override def close(): Unit = {
    stop()
    connection.close()
    lent.values.toList.foreach(free)
    spare = None
  }

  /** Returns when no thread uses a segment any more, which is soon. */
  private def stop(): Unit = {
    connection.cancel()
    (sending ++ fetching).foreach(_.awaitEnd())
    sending = None
    fetching = None
  }

  private def begin[T](segment: MappedSegment, reusable: Boolean)(work: => T): Underway[T] =
    new Underway(segment, reusable, CompletableFuture.supplyAsync(() => work, workers))

  private def fetch(segment: MappedSegment, end: Long): Unit = {
    val underway = mutable.Queue.empty[(Long, Int, CompletableFuture[RelayReply])]
    def takeOne(): Unit = {
      val (offset, length, reply) = underway.dequeue()
      connection.answer(reply) match {
        case bytes: RelayReply.Bytes if bytes.length == length => segment.write(offset, bytes.message, 1, length)
        case other => throw unexpected(other)
      }
    }
    for (offset <- 0L until end by RelaySession.MostBytes.toLong) {
      if (underway.size == RelaySession.MostRequests) takeOne()
      val length = math.min(end - offset, RelaySession.MostBytes.toLong).toInt
      underway.enqueue((offset, length, connection.send(RelayRequest.FetchBytes(offset, length))))
    }
    while (underway.nonEmpty) takeOne()
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

  /** Threads that send and fetch, at most one for each task at a time. */
  private val workers = Executors.newCachedThreadPool { (task: Runnable) =>
    val thread = new Thread(task, "raydp-exchange-relayed")
    thread.setDaemon(true)
    thread
  }

  /**
   * Work with a segment in a thread of its own.
   *
   * @param reusable whether another block may use the segment afterwards
   */
  private final class Underway[T](val segment: MappedSegment, val reusable: Boolean, work: CompletableFuture[T]) {

    /** Waits for the work. If it fails, or the wait is interrupted, the channel must be closed. */
    def result(): T =
      try work.get()
      catch { case failure: ExecutionException => throw failure.getCause }

    /** Returns when the thread has ended, however. */
    def awaitEnd(): Unit = {
      work.handle[Unit]((_, _) => ()).join()
    }
  }

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
        case RelayReply.Welcome(node) => new RelayedChannel(connection, node, address.waits.read)
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
