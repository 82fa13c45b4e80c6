package org.apache.spark.raydp

import io.netty.bootstrap.ChannelInitializerExtension
import io.netty.channel.{Channel, ChannelInitializer}
import org.apache.spark.network.server.{AbstractAuthRpcHandler, TransportChannelHandler, TransportRequestHandler}
import org.apache.spark.network.util.TransportFrameDecoder

/**
 * Bounds what Spark's servers take from clients that are not authenticated: see [[UnauthenticatedClients]]. Netty calls
 * this class for each connection that a server of the process accepts. Spark's servers without authentication, and
 * other servers, are left alone.
 *
 * Uses the name of Spark's frame decoder, and the field of `TransportRequestHandler` that has the RPC handler, to find
 * out whether a client is authenticated. A bound in Spark's `TransportContext` would replace them.
 */
final class AcceptedConnections extends ChannelInitializerExtension {
  import AcceptedConnections._

  override def postInitializeServerChildChannel(channel: Channel): Unit = {
    // Runs after Spark's own initializer, which adds Spark's handlers when the channel is registered.
    channel.pipeline.addLast(new ChannelInitializer[Channel] {
      override def initChannel(channel: Channel): Unit =
        for {
          transport <- Option(channel.pipeline.get(classOf[TransportChannelHandler]))
          authentication <- Some(RpcHandler.get(transport.getRequestHandler)).collect {
            case handler: AbstractAuthRpcHandler => handler
          }
        } channel.pipeline.addBefore(
          TransportFrameDecoder.HANDLER_NAME,
          "unauthenticatedClient",
          new UnauthenticatedClient(() => authentication.isAuthenticated))
    })
    ()
  }
}

private object AcceptedConnections {
  private val RpcHandler = {
    val field = classOf[TransportRequestHandler].getDeclaredField("rpcHandler")
    field.setAccessible(true)
    field
  }
}
