package io.raydp.exchange

import java.io.IOException
import java.net.{StandardProtocolFamily, UnixDomainSocketAddress}
import java.nio.{ByteBuffer, ByteOrder}
import java.nio.channels.{ServerSocketChannel, SocketChannel}
import java.nio.file.Path
import java.util.concurrent.{ConcurrentLinkedQueue, CountDownLatch, Semaphore}

import scala.jdk.CollectionConverters._

/**
 * Listens like an exchange agent, and never answers anything except HELLO.
 *
 * @param welcomes whether it answers HELLO at once, or only after [[welcome]]
 */
final class FakeAgent(path: Path, welcomes: Boolean) extends AutoCloseable {
  import FakeAgent._

  private val listener =
    ServerSocketChannel.open(StandardProtocolFamily.UNIX).bind(UnixDomainSocketAddress.of(path))
  private val peers = new ConcurrentLinkedQueue[SocketChannel]
  private val welcoming = new CountDownLatch(if (welcomes) 0 else 1)

  /** Has one permit for each HELLO, and for each message after it. */
  val messages = new Semaphore(0)

  /** Has one permit for each peer that has left. */
  val departures = new Semaphore(0)

  start(() => while (true) serve(listener.accept()))

  def welcome(): Unit = welcoming.countDown()

  /** Ends all connections, as the end of the agent's process does. */
  override def close(): Unit = {
    listener.close()
    welcome()
    peers.asScala.foreach(_.close())
  }

  private def serve(peer: SocketChannel): Unit = {
    peers.add(peer)
    start { () =>
      try {
        val hello = receive(peer)
        messages.release()
        welcoming.await()
        peer.write(welcomeTo(hello))
        while (true) {
          receive(peer)
          messages.release()
        }
      } finally departures.release()
    }
  }

  /** WELCOME with the build that HELLO begins with. */
  private def welcomeTo(hello: Array[Byte]): ByteBuffer = {
    val bytes = 4 + ByteBuffer.wrap(hello).order(ByteOrder.LITTLE_ENDIAN).getInt
    val message = ByteBuffer.allocate(HeaderBytes + bytes).order(ByteOrder.LITTLE_ENDIAN)
    message.putInt(Magic).putShort(Version).putShort(WelcomeType).putInt(bytes).put(hello, 0, bytes).flip()
  }

  /** The payload of the next message. */
  private def receive(peer: SocketChannel): Array[Byte] = {
    val header = read(peer, HeaderBytes)
    read(peer, header.getInt(HeaderBytes - 4)).array
  }

  private def read(peer: SocketChannel, bytes: Int): ByteBuffer = {
    val buffer = ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN)
    while (buffer.hasRemaining) if (peer.read(buffer) < 0) throw new IOException("The peer has left")
    buffer.flip()
  }

  private def start(body: () => Unit): Unit = {
    val thread = new Thread(
      (
          () =>
            try body()
            catch { case _: IOException => () }): Runnable,
      "fake-agent")
    thread.setDaemon(true)
    thread.start()
  }
}

object FakeAgent {
  private val HeaderBytes = 12
  private val Magic = 0x50445952
  private val Version: Short = 2
  private val WelcomeType: Short = 2
}
