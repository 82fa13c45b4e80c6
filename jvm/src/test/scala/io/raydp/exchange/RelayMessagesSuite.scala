package io.raydp.exchange

import java.nio.ByteBuffer

import scala.util.Random

import org.apache.spark.unsafe.Platform
import org.scalatest.funsuite.AnyFunSuite

/** What crosses the network between a relay and its clients. */
final class RelayMessagesSuite extends AnyFunSuite {
  private val token = Array.tabulate[Byte](32)(_.toByte)
  private val longs = Array(0L, -1L, Long.MaxValue)

  private val requests: Seq[RelayRequest] = Seq(
    RelayRequest.FindRelays("application", token),
    RelayRequest.OfferRelay("application", token, RelayAddress("höst", 65535)),
    RelayRequest.Hello("application", token, None),
    RelayRequest.Hello("application", token, Some(-7L)),
    RelayRequest.BeginBlock(1L, 2L, 3L, longs, reusable = true),
    RelayRequest.BeginBlock(1L, 2L, 3L, Array.emptyLongArray, reusable = false),
    RelayRequest.BlockBytes(token.clone, 3),
    RelayRequest.AwaitAccepted,
    RelayRequest.BeginRead(1L, 2L, 3, 4L, 5L, Array(6, 7), Array.emptyIntArray),
    RelayRequest.AwaitRead,
    RelayRequest.FetchBytes(1L << 40, 7))

  private val replies: Seq[RelayReply] = Seq(
    RelayReply.Done,
    RelayReply.Pending,
    RelayReply.Relays(Seq(RelayAddress("a", 1), RelayAddress("b", 2))),
    RelayReply.Welcome("node"),
    RelayReply.Accepted(7L),
    RelayReply.Rows(needsLargerSegment = true, 1L, 2L, 3L, longs, 4L),
    RelayReply.Bytes(token.clone),
    RelayReply.Failed(ExchangeErrorCode.GROW, "because"))

  test("every message arrives as it was sent") {
    requests.foreach { sent =>
      val encoded = RelayRequest.encode(sent)
      assert(RelayRequest.encode(RelayRequest.decode(encoded.duplicate())) == encoded, sent)
    }
    replies.foreach { sent =>
      val encoded = RelayReply.encode(sent)
      assert(RelayReply.encode(RelayReply.decode(encoded.duplicate())) == encoded, sent)
    }
  }

  test("a message that is cut off or changed is refused, or is another message") {
    val random = new Random(7)
    val all = requests.map(RelayRequest.encode) ++ replies.map(RelayReply.encode)
    for (encoded <- all; _ <- 1 to 200) {
      val bytes = new Array[Byte](encoded.remaining)
      encoded.duplicate().get(bytes)
      if (bytes.nonEmpty) bytes(random.nextInt(bytes.length)) = random.nextInt().toByte
      val message = ByteBuffer.wrap(bytes.take(random.nextInt(bytes.length + 1)))
      refusedOr(RelayRequest.decode(message.duplicate()))
      refusedOr(RelayReply.decode(message.duplicate()))
    }
  }

  test("a block is packed without its gaps, in chunks of any size") {
    val random = new Random(7)
    val segment = new MappedSegment(1L, 1L << 16, Platform.allocateMemory(1L << 16))
    try for (_ <- 1 to 200) {
        val content = new Array[Byte](1 << 16)
        random.nextBytes(content)
        segment.write(0L, content, 0, content.length)
        // Per array: length, nulls, number of buffers; then offset and size of each, and -1 for one that is absent.
        val buffers = Seq.fill(random.nextInt(8))(
          if (random.nextInt(4) == 0) (-1L, 0L) else (random.nextInt(1 << 15).toLong, random.nextInt(3000).toLong))
        val nodes = buffers.grouped(2).flatMap { own =>
          Seq(5L, 0L, own.size.toLong) ++ own.flatMap { case (offset, size) => Seq(offset, size) }
        }.toArray
        val packed = PackedBlock.of(nodes)
        val sent = new java.io.ByteArrayOutputStream
        val chunk = Array.fill(7 + 5000)(-1.toByte)
        val size = 1 + random.nextInt(5000)
        for (begin <- 0L until packed.bytes by size.toLong) {
          val length = math.min(packed.bytes - begin, size.toLong).toInt
          packed.copy(segment, begin, chunk, 7, length)
          sent.write(chunk, 7, length)
        }
        assert(sent.size == packed.bytes)
        ArrayBuffers.forEach(
          nodes,
          0,
          (index, offset, size) => {
            val begin = packed.nodes(index).toInt
            assert(begin % 64 == 0 && packed.nodes(index + 1) == size)
            assert(sent.toByteArray.slice(begin, begin + size.toInt).sameElements(
              content.slice(offset.toInt, (offset + size).toInt)))
          })
      }
    finally Platform.freeMemory(segment.address)
  }

  private def refusedOr(decode: => Any): Unit =
    try { decode; () }
    catch { case refused: ExchangeException => assert(refused.code == ExchangeErrorCode.PROTOCOL); () }
}
