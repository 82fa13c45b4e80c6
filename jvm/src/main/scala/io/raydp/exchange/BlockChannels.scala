package io.raydp.exchange

import scala.annotation.tailrec
import scala.collection.mutable
import scala.util.Random

import org.apache.spark.raydp.RelayTransport

/**
 * Connects a task to the agent of its machine, or to a relay if there is none and the application allows it. Which of
 * the two it is makes no difference to the result.
 */
private[exchange] object BlockChannels {

  /** How long the first task of an executor waits for an agent, which may just start, before it looks for a relay. */
  private val FirstPatienceMillis = 3000L
  private val RetryMillis = 500L

  private def pool = AgentConnectionPool.shared

  /** The applications that have no agent here, as far as is known. */
  private val withoutAgent = mutable.Set.empty[String]

  /**
   * A channel that only the caller uses until it is released or discarded; see [[AgentConnectionPool.acquire]].
   *
   * @throws ExchangeException with code CANCELLED if it was cancelled, or CONNECTION_REFUSED if neither an agent nor a
   *   relay answers
   */
  def acquire(address: AgentAddress, exportId: Option[Long], cancellation: Cancellation): BlockChannel =
    address.relays match {
      case None => pool.acquire(address, exportId, cancellation)
      case Some(access) => nearest(address, access, exportId, cancellation, patienceFor(address, access))
    }

  /** Takes back a channel that works. The caller holds none of its segments. */
  def release(channel: BlockChannel, address: AgentAddress): Unit = channel match {
    case local: AgentConnection => pool.release(local, address)
    case relayed => relayed.close()
  }

  /** Closes a channel that failed. */
  def discard(channel: BlockChannel): Unit = channel match {
    case local: AgentConnection => pool.discard(local)
    case relayed => relayed.close()
  }

  private def patienceFor(address: AgentAddress, access: RelayAccess): Long = {
    val isKnown = withoutAgent.synchronized(withoutAgent.contains(address.application))
    if (isKnown || access.hostsWithoutNode.contains(RelayTransport.ownHost)) 0L else FirstPatienceMillis
  }

  @tailrec
  private def nearest(
      address: AgentAddress,
      access: RelayAccess,
      exportId: Option[Long],
      cancellation: Cancellation,
      patienceMillis: Long,
      began: Long = System.nanoTime()): BlockChannel = {
    val found = local(address, exportId, cancellation, patienceMillis)
      .orElse(relayed(address, access, exportId, cancellation))
    val waited = (System.nanoTime() - began) / 1000000L
    found match {
      case Right(channel) => channel
      case Left(_) if waited < AgentConnectionPool.AgentStartMillis =>
        pool.awaitSocket(address, cancellation, RetryMillis)
        nearest(address, access, exportId, cancellation, 0L, began)
      case Left(last) => throw noRelay(access, waited, last)
    }
  }

  private def local(
      address: AgentAddress,
      exportId: Option[Long],
      cancellation: Cancellation,
      patienceMillis: Long): Either[ExchangeException, BlockChannel] =
    try {
      val connection = pool.acquire(address, exportId, cancellation, patienceMillis)
      withoutAgent.synchronized(withoutAgent.remove(address.application))
      address.relays.foreach(Relays.offer(address, _))
      Right(connection)
    } catch {
      case refused: ExchangeException if refused.code == ExchangeErrorCode.CONNECTION_REFUSED =>
        withoutAgent.synchronized(withoutAgent.add(address.application))
        Left(refused)
    }

  /** The first relay that answers. */
  private def relayed(
      address: AgentAddress,
      access: RelayAccess,
      exportId: Option[Long],
      cancellation: Cancellation): Either[ExchangeException, BlockChannel] =
    attempt(relaysOf(address, access, cancellation)).flatMap { relays =>
      val nobody: Either[ExchangeException, BlockChannel] = Left(new ExchangeException(
        ExchangeErrorCode.CONNECTION_REFUSED,
        "The driver knows no relay yet, and its own machine has no exchange agent"))
      inOrder(relays, access.driver).foldLeft(nobody) { (found, relay) =>
        if (found.isRight) found else attempt(RelayedChannel.to(relay, address, exportId, cancellation))
      }
    }

  /**
   * The order in which relays are tried. The driver's comes after the executors', because there is only one of it. Those
   * that did not answer lately are the last.
   */
  private[exchange] def inOrder(relays: Seq[RelayAddress], driver: RelayAddress): Seq[RelayAddress] = {
    val (drivers, executors) = relays.partition(_ == driver)
    val (silent, others) = (Random.shuffle(executors) ++ drivers).partition(SilentRelays.contains)
    others ++ silent
  }

  private def relaysOf(address: AgentAddress, access: RelayAccess, cancellation: Cancellation): Seq[RelayAddress] = {
    val driver = new RelayConnection(Relays.connect(access.driver), access.driver)
    try {
      cancellation.beforeWait(() => driver.cancel())
      driver.call(RelayRequest.FindRelays(address.application, address.token)) match {
        case RelayReply.Relays(addresses) => addresses
        case _ => Nil
      }
    } finally driver.close()
  }

  private def attempt[T](body: => T): Either[ExchangeException, T] =
    try Right(body)
    catch { case failure: ExchangeException if failure.code != ExchangeErrorCode.CANCELLED => Left(failure) }

  private def noRelay(access: RelayAccess, waitedMillis: Long, last: ExchangeException) = new ExchangeException(
    ExchangeErrorCode.CONNECTION_REFUSED,
    "This executor's machine has no exchange agent, and no relay on another machine answers. Start a Ray node of the " +
      "same user on this machine, or let the machines of Spark's executors and driver reach each other's ports. Host: " +
      s"${RelayTransport.ownHost}, driver: ${access.driver}, waited: ${waitedMillis / 1000} s, last answer: " +
      last.getMessage,
    last)
}
