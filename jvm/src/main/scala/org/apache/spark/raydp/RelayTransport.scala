package org.apache.spark.raydp

import java.io.Closeable

import scala.jdk.CollectionConverters._

import io.netty.buffer.ByteBuf
import io.netty.channel.epoll.EpollChannelOption
import io.netty.channel.socket.nio.NioChannelOption
import io.netty.channel.{Channel, ChannelHandlerContext, ChannelInboundHandlerAdapter, ChannelOption}
import jdk.net.ExtendedSocketOptions
import org.apache.spark.{SecurityManager, SparkConf, SparkContext, SparkEnv}
import org.apache.spark.internal.Logging
import org.apache.spark.network.TransportContext
import org.apache.spark.network.client.{TransportClient, TransportClientBootstrap}
import org.apache.spark.network.crypto.{AuthClientBootstrap, AuthServerBootstrap}
import org.apache.spark.network.netty.NettyBlockTransferService
import org.apache.spark.network.server.{NoOpRpcHandler, RpcHandler, TransportServer, TransportServerBootstrap}
import org.apache.spark.util.Utils

/**
 * Connections between the processes of one application, as Spark makes them for its own blocks: with the application's
 * authentication and encryption, whatever they are.
 *
 * Uses `SparkEnv.securityManager`, `SparkTransportConf`, `Utils.startServiceOnPort` and `BlockManagerId`'s host as
 * `NettyBlockTransferService` does, which are private in Spark, and the address that this service binds to, because an
 * executor knows it from its command line only. A public way to open a port between executors would replace it.
 */
final class RelayTransport private[raydp] (conf: SparkConf, security: SecurityManager) extends Closeable {
  private val transport = {
    val bounded = conf.clone
      .set("spark.shuffle.io.connectionCreationTimeout", RelayTransport.ConnectTime)
      .set("spark.shuffle.io.enableTcpKeepAlive", "true")
    SparkVersion.transportConf(bounded, security)
  }
  private val context = new TransportContext(transport, new NoOpRpcHandler, false, true)
  private val clients = context.createClientFactory(
    Seq[TransportClientBootstrap](new AuthClientBootstrap(transport, conf.getAppId, security))
      .filter(_ => security.isAuthenticationEnabled()).asJava)

  /**
   * Listens on a port as Spark's own servers do: on the next one if it is taken, and so on, `spark.port.maxRetries`
   * times.
   *
   * @param port 0 for any that is free
   * @throws java.io.IOException it cannot listen there
   */
  def listen(address: String, port: Int, handler: RpcHandler): RelayListener = {
    // In this order, the bounds hold for what strangers send to authenticate themselves, too.
    val authentication =
      Seq(new AuthServerBootstrap(transport, security)).filter(_ => security.isAuthenticationEnabled())
    val serving = new TransportContext(transport, handler)
    val startOn: Int => (TransportServer, Int) = { candidate =>
      val server = serving.createServer(address, candidate, (ClientBounds +: authentication).asJava)
      (server, server.getPort)
    }
    try new RelayListener(serving, Utils.startServiceOnPort(port, startOn, conf, "raydp's relay")._1)
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

  private val BindAddress = {
    val field = classOf[NettyBlockTransferService].getDeclaredField("bindAddress")
    field.setAccessible(true)
    field
  }

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

  /** The address that this process' servers listen on. It need not be the host under which others reach them. */
  def ownAddress: String = SparkEnv.get.blockManager.blockTransferService match {
    case netty: NettyBlockTransferService => BindAddress.get(netty).toString
    case _ => ownHost
  }

  def isDriver: Boolean = SparkEnv.get.executorId == SparkContext.DRIVER_IDENTIFIER

  /** Accepts long messages of a client from now on: it has shown that it belongs to the application. */
  def trust(client: TransportClient): Unit =
    Option(client.getChannel.pipeline.get(classOf[ClientBound])).foreach(_.trusted = true)
}

private object ClientBounds extends TransportServerBootstrap {

  /** Finds out within two minutes that a client's host is gone. The system's defaults take more than two hours. */
  private val KeepAlive: Seq[(ChannelOption[Integer], Int)] = Seq(
    EpollChannelOption.TCP_KEEPIDLE -> 60,
    EpollChannelOption.TCP_KEEPINTVL -> 15,
    EpollChannelOption.TCP_KEEPCNT -> 4,
    NioChannelOption.of(ExtendedSocketOptions.TCP_KEEPIDLE) -> 60,
    NioChannelOption.of(ExtendedSocketOptions.TCP_KEEPINTERVAL) -> 15,
    NioChannelOption.of(ExtendedSocketOptions.TCP_KEEPCOUNT) -> 4)

  override def doBootstrap(channel: Channel, handler: RpcHandler): RpcHandler = {
    // Spark adds its handlers after this, behind these.
    val bound = new ClientBound
    KeepAlive.foreach { case (option, value) => channel.config.setOption(option, Int.box(value)) } // if it knows them
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
