package io.raydp.exchange

import java.io.IOException
import java.net.{InetAddress, Socket}
import java.nio.ByteBuffer
import java.nio.file.Files
import java.util.concurrent.{CompletableFuture, ExecutionException, TimeUnit}

import scala.util.Using

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

  override def beforeAll(): Unit = System.setProperty(NodeProperty, "node")

  override def afterAll(): Unit = {
    System.clearProperty(NodeProperty)
    Files.deleteIfExists(folder)
    ()
  }

  for ((name, settings) <- Seq("no authentication" -> Nil, "SASL" -> secured, "encryption" -> encrypted)) {
    test(s"$name: a task that shows the token reaches the agent, and a block larger than one message goes through") {
      withRelay(settings) { connect =>
        withAgent { agent =>
          Using.resource(connect(settings)) { client =>
            assert(client.call(hello()) == RelayReply.Welcome("node"))
            val bytes = RelaySession.MostBytes + 100
            assert(client.call(begin(bytes.toLong)) == RelayReply.Done)
            val chunk = new Array[Byte](RelaySession.MostBytes)
            assert(client.call(RelayRequest.BlockBytes(chunk, chunk.length)) == RelayReply.Done)
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
        val tooMany = RelayRequest.BlockBytes(new Array[Byte](9), 9)
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
      Using.resource(transport.listen("127.0.0.1", server)) { listener =>
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
        Using.resource(transport.listen("127.0.0.1", server)) { listener =>
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
