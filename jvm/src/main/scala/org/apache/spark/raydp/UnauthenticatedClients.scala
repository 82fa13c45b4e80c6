package org.apache.spark.raydp

import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicInteger

import io.netty.buffer.ByteBuf
import io.netty.channel.{ChannelHandlerContext, ChannelInboundHandlerAdapter}
import io.netty.util.concurrent.ScheduledFuture
import org.apache.spark.internal.Logging

/**
 * How much memory clients can use in this process before they have proved that they have the secret.
 *
 * Spark's servers collect a message until it is complete, and then look at who sent it. So anyone who can connect could
 * announce messages of 2 GB and fill the memory. `AcceptedConnections` bounds Spark's servers, with the Netty of Spark
 * 4.0 and newer; [[RelayTransport]] bounds raydp's own.
 */
object UnauthenticatedClients {

  /** The longest message of a client that is not authenticated, in bytes. Those of Spark's handshakes have a few 100. */
  val MaxMessage: Int = 16 * 1024

  /** How many clients may be connected without being authenticated. Then 32 MiB are the most that they can use. */
  val MaxClients: Int = 2048

  /** How long a client may take. Spark's own clients give up after `spark.network.auth.rpcTimeout`, 30 s. */
  val MaxSeconds: Int = 60

  private val Extensions = "io.netty.bootstrap.extensions"
  private[raydp] val Connected = new AtomicInteger

  /** Bounds the servers that this process starts from now on. Call it before Spark starts one. */
  def limit(): Unit = {
    if (System.getProperty(Extensions) == null) System.setProperty(Extensions, "serviceload")
    ()
  }
}

/**
 * Closes the connection of a client that sends too much, or that takes too long. Once the client is authenticated, this
 * handler removes itself, so it costs nothing from then on.
 */
private final class UnauthenticatedClient(isAuthenticated: () => Boolean)
    extends ChannelInboundHandlerAdapter with Logging {
  import UnauthenticatedClients._

  private var deadline: ScheduledFuture[_] = _
  private val lengths = new MessageLengths

  override def handlerAdded(context: ChannelHandlerContext): Unit = {
    val expiry: Runnable = () => expire(context)
    deadline = context.executor.schedule(expiry, MaxSeconds.toLong, TimeUnit.SECONDS)
    if (Connected.incrementAndGet() > MaxClients) refuse(context, s"more than $MaxClients of them are connected")
  }

  override def handlerRemoved(context: ChannelHandlerContext): Unit = {
    deadline.cancel(false)
    Connected.decrementAndGet()
    ()
  }

  override def channelRead(context: ChannelHandlerContext, message: Object): Unit = message match {
    case _ if isAuthenticated() =>
      context.pipeline.remove(this)
      context.fireChannelRead(message)
      ()
    case bytes: ByteBuf if lengths.exceed(MaxMessage.toLong, bytes) =>
      bytes.release()
      refuse(context, s"it sends a message of ${lengths.last} bytes; at most $MaxMessage are accepted")
    case _ =>
      context.fireChannelRead(message)
      ()
  }

  private def expire(context: ChannelHandlerContext): Unit =
    if (isAuthenticated()) {
      context.pipeline.remove(this)
      ()
    } else refuse(context, s"it did not authenticate itself within $MaxSeconds s")

  private def refuse(context: ChannelHandlerContext, reason: String): Unit = {
    logWarning(s"Closing the connection of a client that is not authenticated: $reason. Client: " +
      s"${context.channel.remoteAddress}")
    context.close()
    ()
  }
}
