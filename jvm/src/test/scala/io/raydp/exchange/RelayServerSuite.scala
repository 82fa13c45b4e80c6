package io.raydp.exchange

import java.io.IOException
import java.net.{InetAddress, NetworkInterface, Socket}
import java.nio.ByteBuffer
import java.nio.file.Files
import java.util.concurrent.{CompletableFuture, ExecutionException, TimeUnit}

import scala.util.Using

import io.netty.channel.epoll.EpollChannelOption
import io.netty.channel.socket.nio.NioChannelOption
import jdk.net.ExtendedSocketOptions
import org.apache.spark.network.client.{RpcResponseCallback, TransportClient}
import org.apache.spark.network.server.{OneForOneStreamManager, RpcHandler, StreamManager}
import org.apache.spark.raydp.{RelayTransport, TestTransport, UnauthenticatedClients}
import org.scalatest.BeforeAndAfterAll
import org.scalatest.funsuite.AnyFunSuite

/** A relay and its clients, over TCP. No Spark and no Ray. */
final class RelayServerSuite extends AnyFunSuite with BeforeAndAfterAll {
  private val NodeProperty = "raydp.node.id"
  private val Patience = 20L
  private val folder = Files.createTempDirectory("relay")
  private val socket = folder.resolve("node.sock")
  private val token = Array.tabulate[Byte](32)(_.toByte)
  private val address = AgentAddress(folder.toString, "application", token, SampleWaits.of(600000))
  private val secured = Seq("spark.authenticate" -> "true", "spark.authenticate.secret" -> "secret")
  private val encrypted = secured :+ ("spark.network.crypto.enabled" -> "true")
  private val saslEncrypted = secured ++
    Seq("spark.authenticate.enableSaslEncryption", "spark.network.sasl.serverAlwaysEncrypt").map(_ -> "true")
  private lazy val tls = TestKeys.settings(folder)

  override def beforeAll(): Unit = System.setProperty(NodeProperty, "node")

  override def afterAll(): Unit = {
    System.clearProperty(NodeProperty)
    TestKeys.delete(folder)
    Files.deleteIfExists(folder)
    ()
  }

  private val ways = Seq[(String, () => Seq[(String, String)])](
    "no authentication" -> (() => Nil),
    "SASL" -> (() => secured),
    "SASL with encryption" -> (() => saslEncrypted),
    "encryption" -> (() => encrypted),
    "TLS" -> (() => tls),
    "TLS and a secret" -> (() => tls ++ secured))
  for ((name, found) <- ways) {
    lazy val settings = found()
    test(s"$name: a task that shows the token reaches the agent, and a block larger than one message goes through") {
      withRelay(settings) { connect =>
        withAgent { agent =>
          Using.resource(connect(settings)) { client =>
            assert(client.call(hello()) == RelayReply.Welcome("node"))
            val bytes = RelaySession.MostBytes + 100
            assert(client.call(begin(bytes.toLong)) == RelayReply.Done)
            val chunk = new Array[Byte](1 + RelaySession.MostBytes)
            assert(client.call(RelayRequest.BlockBytes(chunk, RelaySession.MostBytes)) == RelayReply.Done)
            assert(client.call(RelayRequest.BlockBytes(chunk, 100)) == RelayReply.Done)
            assert(agent.messages.tryAcquire(3, Patience, TimeUnit.SECONDS), "HELLO, SEGMENT and BLOCK")
          }
        }
      }
    }
  }

  test("a client with another secret is refused") {
    withRelay(encrypted) { connect =>
      val others = encrypted.map { case (key, value) => key -> (if (value == "secret") "another" else value) }
      intercept[ExchangeException](connect(others))
    }
  }

  test("a client without TLS is refused by a relay with TLS") {
    withRelay(tls) { connect =>
      assert(failure(Using.resource(connect(Nil))(_.call(hello()))) == ExchangeErrorCode.CONNECTION_CLOSED)
    }
  }

  test("relays of one machine share a range of ports as Spark's own servers do") {
    val retries = "spark.port.maxRetries"
    Using.resource(TestTransport(retries -> "4")) { transport =>
      val first = Iterator.continually(transport.listen("127.0.0.1", 0, newServer())).map { any =>
        any.close()
        any.port
      }.find(_ < 65000).get
      Using.resources(
        transport.listen("127.0.0.1", first, newServer()),
        transport.listen("127.0.0.1", first, newServer())) { (one, other) =>
        assert(one.port >= first && other.port > one.port && other.port <= first + 4)
        Using.resource(TestTransport(retries -> "0")) { impatient =>
          intercept[IOException](impatient.listen("127.0.0.1", one.port, newServer()))
        }
      }
    }
  }

  test("a relay listens on the address that it is told, which may be of IPv6") {
    val loopback = InetAddress.getByName("::1")
    assume(NetworkInterface.getByInetAddress(loopback) != null, "this machine has no IPv6")
    Using.resources(TestTransport(), newServer()) { (transport, server) =>
      Using.resource(transport.listen("[::1]", 0, server)) { listener =>
        val relay = RelayAddress("[::1]", listener.port)
        Using.resource(new RelayConnection(transport.connect(relay.host, relay.port), relay)) { client =>
          assert(client.call(RelayRequest.FindRelays("application", token)) == RelayReply.Relays(Nil))
        }
        intercept[IOException](new Socket(InetAddress.getByName("127.0.0.1"), listener.port).close())
      }
    }
  }

  test("a client with another token is refused and disconnected") {
    withRelay(Nil) { connect =>
      Using.resource(connect(Nil)) { client =>
        assert(failure(client.call(hello(new Array[Byte](32)))) == ExchangeErrorCode.UNAUTHORIZED)
        assert(failure(client.call(hello())) == ExchangeErrorCode.CONNECTION_CLOSED)
      }
    }
  }

  test("requests that make no sense are refused") {
    withRelay(Nil) { connect =>
      withAgent { _ =>
        for (request <- Seq(RelayRequest.AwaitAccepted, begin(1), RelayRequest.FetchBytes(0, 1)))
          Using.resource(connect(Nil))(client => assert(failure(client.call(request)) == ExchangeErrorCode.PROTOCOL))
        val tooMany = RelayRequest.BlockBytes(new Array[Byte](10), 9)
        for (request <- Seq(tooMany, begin(1), RelayRequest.AwaitRead, RelayRequest.FetchBytes(0, 1)))
          Using.resource(connect(Nil)) { client =>
            client.call(hello())
            client.call(begin(8))
            assert(failure(client.call(request)) == ExchangeErrorCode.PROTOCOL, request)
          }
      }
    }
  }

  test("a relay without an agent says so") {
    withRelay(Nil) { connect =>
      Using.resource(connect(Nil)) { client =>
        assert(failure(client.call(hello())) == ExchangeErrorCode.CONNECTION_REFUSED)
      }
    }
  }

  test("a client that sends requests without end, and waits for no answer, is disconnected") {
    withRelay(Nil) { connect =>
      withAgent { _ =>
        Using.resource(connect(Nil)) { client =>
          client.call(hello())
          client.call(begin(0)) // which the agent never accepts
          val replies = Seq.fill(RelaySession.MostRequests + 1)(client.send(RelayRequest.AwaitAccepted))
          assert(failure(client.answer(replies.last)) == ExchangeErrorCode.CONNECTION_CLOSED)
        }
      }
    }
  }

  test("a relay that takes requests and answers none counts as silent, and the driver's is tried before it") {
    Using.resource(TestTransport()) { transport =>
      val idleSeconds = new CompletableFuture[Integer]
      val frozen = new RpcHandler {
        override def receive(client: TransportClient, message: ByteBuffer, callback: RpcResponseCallback): Unit = {
          val nio = NioChannelOption.of(ExtendedSocketOptions.TCP_KEEPIDLE)
          val found = Seq(EpollChannelOption.TCP_KEEPIDLE, nio).map(client.getChannel.config.getOption(_))
          idleSeconds.complete(found.find(_ != null).orNull)
          ()
        }
        override def getStreamManager: StreamManager = new OneForOneStreamManager
      }
      Using.resource(transport.listen("127.0.0.1", 0, frozen)) { listener =>
        val relay = RelayAddress("127.0.0.1", listener.port)
        assert(!SilentRelays.contains(relay))
        Using.resource(new RelayConnection(transport.connect(relay.host, relay.port), relay, answerSeconds = 1)) {
          client => assert(failure(client.call(hello())) == ExchangeErrorCode.CONNECTION_CLOSED)
        }
        assert(idleSeconds.get(Patience, TimeUnit.SECONDS) == 60, "then the kernel asks whether the client is there")
        assert(SilentRelays.contains(relay))
        val others = Seq(RelayAddress("a", 1), RelayAddress("b", 2))
        val driver = RelayAddress("driver", 3)
        val order = BlockChannels.inOrder(relay +: driver +: others, driver)
        assert(order.take(2).toSet == others.toSet && order.drop(2) == Seq(driver, relay))
      }
    }
  }

  test("a client that leaves within a block takes the connection to the agent along") {
    withRelay(Nil) { connect =>
      withAgent { agent =>
        Using.resource(connect(Nil)) { client =>
          client.call(hello())
          client.call(begin(8))
        }
        assert(agent.departures.tryAcquire(Patience, TimeUnit.SECONDS))
      }
    }
  }

  test("a client that leaves while the relay waits for the agent takes the connection along, at once") {
    withRelay(Nil) { connect =>
      withAgent { agent =>
        val client = connect(Nil)
        client.call(hello())
        client.call(begin(0))
        val waiting = CompletableFuture.supplyAsync(() => client.call(RelayRequest.AwaitAccepted))
        assert(agent.messages.tryAcquire(3, Patience, TimeUnit.SECONDS))
        client.cancel()
        val error = intercept[ExecutionException](waiting.get(Patience, TimeUnit.SECONDS)).getCause
        assert(error.asInstanceOf[ExchangeException].code == ExchangeErrorCode.CANCELLED)
        client.close()
        assert(agent.departures.tryAcquire(Patience, TimeUnit.SECONDS))
      }
    }
  }

  test("the relays that an executor offers are found while its connection lasts") {
    withRelay(Nil) { connect =>
      val offered = RelayAddress("elsewhere", 7)
      def found: RelayReply =
        Using.resource(connect(Nil))(_.call(RelayRequest.FindRelays("application", token)))
      val executor = connect(Nil)
      executor.call(RelayRequest.OfferRelay("application", token, offered))
      assert(found == RelayReply.Relays(Seq(offered)))
      executor.close()
      eventually(found == RelayReply.Relays(Nil))
    }
  }

  test("strangers cannot send long messages, and nobody very long ones") {
    Using.resource(TestTransport()) { transport =>
      val server = newServer()
      Using.resource(transport.listen("127.0.0.1", 0, server)) { listener =>
        for (length <- Seq(UnauthenticatedClients.MaxMessage + 1L, Long.MaxValue, 0L))
          assert(isClosed(listener.port, length), length)
        val relay = RelayAddress("127.0.0.1", listener.port)
        val client = transport.connect(relay.host, relay.port)
        val connection = new RelayConnection(client, relay)
        connection.call(RelayRequest.FindRelays("application", token))
        val long = ByteBuffer.allocate(RelayTransport.MaxMessage)
        assert(intercept[Exception](client.sendRpcSync(long, 20000)).getMessage.nonEmpty)
        connection.close()
      }
      server.close()
    }
  }

  private def newServer(): RelayServer = {
    val server = new RelayServer(new AgentConnectionPool(idleMillis = 600000L, maximumIdle = 0))
    server.serve(address)
    server
  }

  /** Runs a check with a relay and a function that connects to it. */
  private def withRelay(settings: Seq[(String, String)])(
      check: (Seq[(String, String)] => RelayConnection) => Unit): Unit =
    Using.resource(TestTransport(settings: _*)) { transport =>
      Using.resource(newServer()) { server =>
        Using.resource(transport.listen("127.0.0.1", 0, server)) { listener =>
          val relay = RelayAddress("127.0.0.1", listener.port)
          check { own =>
            val clients = if (own == settings) transport else TestTransport(own: _*)
            try new RelayConnection(clients.connect(relay.host, relay.port), relay)
            catch {
              case refused: Exception =>
                clients.close()
                throw new ExchangeException(ExchangeErrorCode.CONNECTION_CLOSED, refused.toString, refused)
            }
          }
        }
      }
    }

  private def withAgent(body: FakeAgent => Unit): Unit =
    try Using.resource(new FakeAgent(socket, welcomes = true))(body)
    finally Files.delete(socket)

  private def hello(shown: Array[Byte] = token) = RelayRequest.Hello("application", shown, Some(1L))

  private def begin(bytes: Long) = RelayRequest.BeginBlock(1L, 0L, bytes, Array.emptyLongArray, reusable = true)

  private def failure(call: => Any): ExchangeErrorCode = intercept[ExchangeException](call).code

  private def isClosed(port: Int, length: Long): Boolean =
    Using.resource(new Socket(InetAddress.getLoopbackAddress, port)) { stranger =>
      stranger.setSoTimeout(20000)
      stranger.getOutputStream.write(ByteBuffer.allocate(8).putLong(length).array)
      try stranger.getInputStream.read() < 0
      catch { case _: IOException => true }
    }

  private def eventually(condition: => Boolean): Unit = {
    val deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(Patience)
    while (!condition) assert(System.nanoTime() < deadline)
  }
}
