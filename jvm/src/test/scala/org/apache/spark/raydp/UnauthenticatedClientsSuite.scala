package org.apache.spark.raydp

import java.io.IOException
import java.net.{InetAddress, Socket}
import java.nio.ByteBuffer
import java.util.concurrent.TimeUnit

import scala.jdk.CollectionConverters._
import scala.util.{Random, Using}

import io.netty.buffer.{ByteBuf, Unpooled}
import io.netty.channel.embedded.EmbeddedChannel
import org.apache.spark.{SecurityManager, SparkConf}
import org.apache.spark.network.TransportContext
import org.apache.spark.network.client._
import org.apache.spark.network.crypto.{AuthClientBootstrap, AuthServerBootstrap}
import org.apache.spark.network.netty.SparkTransportConf
import org.apache.spark.network.server.{OneForOneStreamManager, RpcHandler, StreamManager, TransportServerBootstrap}
import org.scalatest.funsuite.AnyFunSuite

final class UnauthenticatedClientsSuite extends AnyFunSuite {
  import UnauthenticatedClients._

  private final class Lengths extends RpcHandler {
    override def receive(client: TransportClient, message: ByteBuffer, callback: RpcResponseCallback): Unit =
      callback.onSuccess(ByteBuffer.wrap(message.remaining.toString.getBytes))
    override def getStreamManager: StreamManager = new OneForOneStreamManager
  }

  /** Runs a check against a server of Spark, and a client of Spark that has the secret. */
  private def withServer(settings: (String, String)*)(check: (Int, TransportClientFactory) => Unit): Unit = {
    limit()
    val secrets = Seq("spark.authenticate" -> "true", "spark.authenticate.secret" -> "secret", "spark.app.id" -> "a")
    val conf = new SparkConf(false).setAll(secrets).setAll(settings)
    val security = new SecurityManager(conf)
    val transport = SparkTransportConf.fromSparkConf(conf, "rpc")
    Using.resource(new TransportContext(transport, new Lengths)) { context =>
      val isOn = security.isAuthenticationEnabled()
      val server = Seq[TransportServerBootstrap](new AuthServerBootstrap(transport, security)).filter(_ => isOn)
      val client = Seq[TransportClientBootstrap](new AuthClientBootstrap(transport, "a", security)).filter(_ => isOn)
      Using.resource(context.createServer("127.0.0.1", 0, server.asJava)) { listening =>
        Using.resource(context.createClientFactory(client.asJava))(check(listening.getPort, _))
      }
    }
  }

  private def announce(port: Int, length: Long): Socket = {
    val socket = new Socket(InetAddress.getLoopbackAddress, port)
    socket.setSoTimeout(30000)
    socket.getOutputStream.write(ByteBuffer.allocate(8).putLong(length).array)
    socket
  }

  private def isClosed(socket: Socket): Boolean =
    try socket.getInputStream.read() < 0
    catch { case _: IOException => true }

  for ((name, settings) <- Seq("SASL" -> Nil, "encryption" -> Seq("spark.network.crypto.enabled" -> "true"))) {
    test(s"$name: a stranger's message is refused by its length, and a long one of a client is answered") {
      withServer(settings: _*) { (port, factory) =>
        for (length <- Seq(MaxMessage + 1L, Int.MaxValue.toLong, Long.MaxValue, -1L, 0L))
          Using.resource(announce(port, length))(socket => assert(isClosed(socket), length))
        Using.resource(announce(port, MaxMessage.toLong)) { waiting =>
          val answer = factory.createClient("127.0.0.1", port).sendRpcSync(ByteBuffer.allocate(5000000), 60000)
          assert(new String(answer.array, answer.position(), answer.remaining) == "5000000")
          waiting.getOutputStream.write(0) // no error: it is still connected
        }
      }
    }
  }

  test("a server without authentication takes messages of all lengths") {
    withServer("spark.authenticate" -> "false") { (port, factory) =>
      val answer = factory.createClient("127.0.0.1", port).sendRpcSync(ByteBuffer.allocate(5000000), 60000)
      assert(new String(answer.array, answer.position(), answer.remaining) == "5000000")
    }
  }

  private def message(length: Int): Array[Byte] =
    ByteBuffer.allocate(length).putLong(length.toLong).array

  test("messages are followed however the network divides them") {
    val seed = System.nanoTime
    val random = new Random(seed)
    for (_ <- 1 to 300) {
      val lengths = Seq.fill(random.nextInt(6))(if (random.nextBoolean()) random.between(8, 40) else MaxMessage)
      val isTooLong = random.nextBoolean()
      val tooLong = if (isTooLong) message(MaxMessage + 1).take(8) else Array.emptyByteArray
      val stream = lengths.flatMap(message(_)).toArray ++ tooLong
      val largest = 1 + random.nextInt(if (random.nextBoolean()) 16 else MaxMessage)
      val channel = new EmbeddedChannel(new UnauthenticatedClient(() => false))
      var at = 0
      while (at < stream.length) {
        val next = math.min(stream.length, at + 1 + random.nextInt(largest))
        channel.writeInbound(Unpooled.wrappedBuffer(stream.slice(at, next)))
        at = next
      }
      assert(channel.isOpen == !isTooLong, (seed, lengths))
      channel.finishAndReleaseAll()
    }
    assert(Connected.get == 0)
  }

  test("a client that is authenticated is free, and one that takes too long is closed") {
    var authenticated = false
    val client = new EmbeddedChannel(new UnauthenticatedClient(() => authenticated))
    client.writeInbound(Unpooled.wrappedBuffer(message(20)))
    authenticated = true
    client.writeInbound(Unpooled.wrappedBuffer(message(MaxMessage * 2)))
    assert(client.pipeline.get(classOf[UnauthenticatedClient]) == null && Connected.get == 0)
    assert(Iterator.continually(client.readInbound[ByteBuf]()).takeWhile(_ != null).map(_.readableBytes).sum ==
      MaxMessage * 2 + 20)

    val silent = new EmbeddedChannel(new UnauthenticatedClient(() => false))
    val idle = new EmbeddedChannel(new UnauthenticatedClient(() => true))
    for (channel <- Seq(silent, idle)) {
      channel.freezeTime()
      channel.advanceTimeBy(MaxSeconds + 1L, TimeUnit.SECONDS)
      channel.runScheduledPendingTasks()
    }
    assert(!silent.isOpen && idle.isOpen && Connected.get == 0)
  }

  test("there is a limit to how many strangers are connected") {
    val channels = Seq.fill(MaxClients)(new EmbeddedChannel(new UnauthenticatedClient(() => false)))
    val last = new EmbeddedChannel(new UnauthenticatedClient(() => false))
    assert(channels.forall(_.isOpen) && !last.isOpen)
    channels.foreach(_.close())
    assert(Connected.get == 0)
  }
}
