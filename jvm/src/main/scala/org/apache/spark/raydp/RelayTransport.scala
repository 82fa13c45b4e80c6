package org.apache.spark.raydp

import java.io.Closeable

import scala.jdk.CollectionConverters._

import io.netty.buffer.ByteBuf
import io.netty.channel.{Channel, ChannelHandlerContext, ChannelInboundHandlerAdapter}
import org.apache.spark.{SecurityManager, SparkConf, SparkContext, SparkEnv}
import org.apache.spark.internal.Logging
import org.apache.spark.network.TransportContext
import org.apache.spark.network.client.{TransportClient, TransportClientBootstrap}
import org.apache.spark.network.crypto.{AuthClientBootstrap, AuthServerBootstrap}
import org.apache.spark.network.netty.SparkTransportConf
import org.apache.spark.network.server.{NoOpRpcHandler, RpcHandler, TransportServer, TransportServerBootstrap}

/**
 * Connections between the processes of one application, as Spark makes them for its own blocks: with the application's
 * authentication and encryption, whatever they are.
 *
 * Uses `SparkEnv.securityManager`, `SparkTransportConf` and `BlockManagerId`'s host as `NettyBlockTransferService` does,
 * which are private in Spark. A public way to open a port between executors would replace it.
 */
final class RelayTransport private[raydp] (conf: SparkConf, security: SecurityManager) extends Closeable {
  private val transport = {
    val bounded = conf.clone
      .set("spark.shuffle.io.connectionCreationTimeout", RelayTransport.ConnectTime)
      .set("spark.shuffle.io.enableTcpKeepAlive", "true")
    SparkTransportConf.fromSparkConf(bounded, "shuffle", sslOptions = Some(security.getRpcSSLOptions()))
  }
  private val context = new TransportContext(transport, new NoOpRpcHandler, false, true)
  private val clients = context.createClientFactory(
    Seq[TransportClientBootstrap](new AuthClientBootstrap(transport, conf.getAppId, security))
      .filter(_ => security.isAuthenticationEnabled()).asJava)

  /**
   * Listens on a free port.
   *
   * @throws java.io.IOException it cannot listen there
   */
  def listen(address: String, handler: RpcHandler): RelayListener = {
    // In this order, the bounds hold for what strangers send to authenticate themselves, too.
    val authentication =
      Seq(new AuthServerBootstrap(transport, security)).filter(_ => security.isAuthenticationEnabled())
    val serving = new TransportContext(transport, handler)
    try new RelayListener(serving, serving.createServer(address, 0, (ClientBounds +: authentication).asJava))
    catch {
      case failure: Throwable =>
        serving.close()
        throw failure
    }
  }

  /**
   * A connection of its own. Waits for it, at most for 10 s and what the authentication takes.
   *
   * @throws java.io.IOException nobody listens there, or one side refuses the other
   */
  def connect(host: String, port: Int): TransportClient = clients.createUnmanagedClient(host, port)

  override def close(): Unit = {
    clients.close()
    context.close()
  }
}

/** A server of [[RelayTransport]], until it is closed. */
final class RelayListener private[raydp] (context: TransportContext, server: TransportServer) extends Closeable {
  val port: Int = server.getPort

  override def close(): Unit = {
    server.close()
    context.close()
  }
}

object RelayTransport {
  private val ConnectTime = "10s"

  /** The longest message, in bytes, that a trusted client may send. */
  val MaxMessage: Int = 6 << 20

  private var current: Option[(SparkEnv, RelayTransport)] = None

  /** The connections of the application that runs in this process now. */
  def shared: RelayTransport = synchronized {
    val env = SparkEnv.get
    current.collect { case (known, transport) if known eq env => transport }.getOrElse {
      current.foreach(_._2.close()) // of an application that has ended
      val created = new RelayTransport(env.conf, env.securityManager)
      current = Some(env -> created)
      created
    }
  }

  /** Closes the connections of the application in this process. */
  def close(): Unit = synchronized {
    current.foreach(_._2.close())
    current = None
  }

  /** The name under which other processes of the application reach this one. */
  def ownHost: String = SparkEnv.get.blockManager.blockManagerId.host

  /** The address that this process' servers listen on. */
  def ownAddress: String =
    if (isDriver) SparkEnv.get.conf.get("spark.driver.bindAddress", ownHost) else ownHost

  def isDriver: Boolean = SparkEnv.get.executorId == SparkContext.DRIVER_IDENTIFIER

  /** Accepts long messages of a client from now on: it has shown that it belongs to the application. */
  def trust(client: TransportClient): Unit =
    Option(client.getChannel.pipeline.get(classOf[ClientBound])).foreach(_.trusted = true)
}

private object ClientBounds extends TransportServerBootstrap {
  override def doBootstrap(channel: Channel, handler: RpcHandler): RpcHandler = {
    // Spark adds its handlers after this, behind these.
    val bound = new ClientBound
    channel.pipeline.addLast("raydpStranger", new UnauthenticatedClient(() => bound.trusted))
    channel.pipeline.addLast("raydpBound", bound)
    handler
  }
}

/** Closes the connection of a client that sends a longer message than any of ours. */
private final class ClientBound extends ChannelInboundHandlerAdapter with Logging {
  private val lengths = new MessageLengths
  @volatile var trusted = false

  override def channelRead(context: ChannelHandlerContext, message: Object): Unit = message match {
    case bytes: ByteBuf if lengths.exceed(RelayTransport.MaxMessage.toLong, bytes) =>
      bytes.release()
      logWarning(s"Closing the connection of a client that sends a message of ${lengths.last} bytes. Client: " +
        s"${context.channel.remoteAddress}")
      context.close()
      ()
    case _ =>
      context.fireChannelRead(message)
      ()
  }
}
