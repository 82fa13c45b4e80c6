package io.raydp.exchange

import java.io.Closeable
import java.nio.ByteBuffer
import java.nio.file.Files
import java.security.MessageDigest
import java.util.concurrent.{ConcurrentHashMap, Executors}

import scala.jdk.CollectionConverters._
import scala.util.control.NonFatal

import io.netty.channel.Channel
import org.apache.spark.network.client.{RpcResponseCallback, TransportClient}
import org.apache.spark.network.server.{OneForOneStreamManager, RpcHandler, StreamManager}
import org.apache.spark.raydp.{RelayListener, RelayTransport}
import org.slf4j.LoggerFactory

/**
 * Lets tasks on machines without an agent use the agent of this process's machine. The driver's server also knows the
 * other relays. A client must have the token of an application that is served here.
 *
 * @param pool the connections to the agent
 */
private[exchange] final class RelayServer(pool: AgentConnectionPool) extends RpcHandler with Closeable {
  import RelayServer._

  private val served = new ConcurrentHashMap[String, AgentAddress]
  private val sessions = new ConcurrentHashMap[Channel, RelaySession]
  private val queues = new ConcurrentHashMap[Channel, ClientQueue]
  private val offers = new ConcurrentHashMap[Channel, RelayRequest.OfferRelay]
  private val streams = new OneForOneStreamManager
  @volatile private var asked = false
  @volatile private var listener: Option[RelayListener] = None

  // Each runs while a request waits for the agent, at most for a few seconds.
  private val workers = Executors.newCachedThreadPool { (task: Runnable) =>
    val thread = new Thread(task, "raydp-exchange-relay")
    thread.setDaemon(true)
    thread
  }

  /** Serves an application's tasks from now on. */
  def serve(address: AgentAddress): Unit = {
    served.put(address.application, address.copy(relays = None))
    ()
  }

  /** Refuses an application's tasks from now on. */
  def forget(application: String): Unit = {
    served.remove(application)
    ()
  }

  /** Whether a task has asked for a relay. */
  def wasAsked: Boolean = asked

  /**
   * Begins to listen.
   *
   * @throws java.io.IOException it cannot
   */
  def listen(transport: RelayTransport, port: Int): RelayAddress = {
    val created = transport.listen(RelayTransport.ownAddress, port, this)
    listener = Some(created)
    RelayAddress(RelayTransport.ownHost, created.port)
  }

  override def getStreamManager: StreamManager = streams

  override def receive(client: TransportClient, message: ByteBuffer, callback: RpcResponseCallback): Unit = {
    val request = RelayRequest.decode(message)
    val queue = queues.computeIfAbsent(client.getChannel, _ => new ClientQueue(workers))
    val isInBounds = queue.add { () =>
      val reply =
        try answer(client, request)
        catch {
          case failure: ExchangeException => RelayReply.Failed(failure.code, failure.getMessage)
          case NonFatal(failure) =>
            log.warn("A relay could not answer a task", failure)
            RelayReply.Failed(ExchangeErrorCode.IO, failure.toString)
        }
      () => send(client, reply, callback)
    }
    if (!isInBounds) {
      log.warn("Closing the connection of a client that has too many requests underway: {}", client)
      client.close()
    }
  }

  private def send(client: TransportClient, reply: RelayReply, callback: RpcResponseCallback): Unit = {
    callback.onSuccess(RelayReply.encode(reply))
    reply match {
      case RelayReply.Failed(ExchangeErrorCode.UNAUTHORIZED | ExchangeErrorCode.PROTOCOL, _) => client.close()
      case _ =>
    }
  }

  override def channelInactive(client: TransportClient): Unit = {
    queues.remove(client.getChannel)
    offers.remove(client.getChannel)
    Option(sessions.remove(client.getChannel)).foreach(_.end())
  }

  override def close(): Unit = {
    served.clear()
    listener.foreach(_.close())
    sessions.values.asScala.foreach(_.end())
    workers.shutdown()
  }

  private def answer(client: TransportClient, request: RelayRequest): RelayReply = request match {
    case RelayRequest.FindRelays(application, token) =>
      val address = requireServed(client, application, token)
      asked = true
      RelayReply.Relays(offered(application) ++ (if (hasAgent(address)) self else None))
    case offer: RelayRequest.OfferRelay =>
      requireServed(client, offer.application, offer.token)
      offers.put(client.getChannel, offer)
      if (!client.isActive) offers.remove(client.getChannel)
      RelayReply.Done
    case hello: RelayRequest.Hello => begin(client, hello)
    case other =>
      Option(sessions.get(client.getChannel)) match {
        case Some(session) => session.answer(other)
        case None => throw new ExchangeException(
            ExchangeErrorCode.PROTOCOL,
            "A client must say HELLO to a relay before it exchanges blocks")
      }
  }

  private def begin(client: TransportClient, hello: RelayRequest.Hello): RelayReply = {
    val address = requireServed(client, hello.application, hello.token)
    val cancellation = new Cancellation
    val connection = pool.acquire(address, hello.exportId, cancellation, AgentPatienceMillis)
    val session = new RelaySession(connection, address, cancellation, pool, workers)
    Option(sessions.put(client.getChannel, session)).foreach(_.end())
    if (!client.isActive) Option(sessions.remove(client.getChannel)).foreach(_.end())
    RelayReply.Welcome(session.node)
  }

  private def requireServed(client: TransportClient, application: String, token: Array[Byte]): AgentAddress = {
    val address = Option(served.get(application)).filter(known => MessageDigest.isEqual(known.token, token))
    if (address.isEmpty) {
      throw new ExchangeException(
        ExchangeErrorCode.UNAUTHORIZED,
        s"A relay serves no application with this id and token. It was detached, or this is another one's. " +
          s"Application: $application")
    }
    RelayTransport.trust(client)
    address.get
  }

  private def offered(application: String): Seq[RelayAddress] =
    offers.values.asScala.filter(_.application == application).map(_.relay).toSeq

  private def self: Option[RelayAddress] =
    listener.map(listening => RelayAddress(RelayTransport.ownHost, listening.port))

  private def hasAgent(address: AgentAddress): Boolean = Files.exists(AgentLocator.socketHere(address))
}

private object RelayServer {
  private val log = LoggerFactory.getLogger(getClass)

  /** A client tries another relay after that. */
  private val AgentPatienceMillis = 2000L
}
