package io.raydp.exchange

import java.io.{ByteArrayInputStream, ByteArrayOutputStream, DataInputStream, DataOutputStream, IOException}
import java.nio.ByteBuffer

/**
 * What a task without an agent on its machine sends to a relay. Each request has one reply, in the same order. At most
 * [[RelaySession.MostRequests]] are underway on a connection. A relay does not let a client wait longer than
 * [[RelaySession.SliceMillis]]: it replies [[RelayReply.Pending]], and the client asks again.
 *
 * Written by hand, because Spark's serializers would let the sender choose the classes that the receiver loads.
 */
private[exchange] sealed trait RelayRequest

private[exchange] object RelayRequest {

  /** The driver replies [[RelayReply.Relays]]. */
  final case class FindRelays(application: String, token: Array[Byte]) extends RelayRequest

  /** An executor tells the driver that it is a relay, while the connection lasts. */
  final case class OfferRelay(application: String, token: Array[Byte], relay: RelayAddress) extends RelayRequest

  /** The first request of a task. The reply is [[RelayReply.Welcome]]. */
  final case class Hello(application: String, token: Array[Byte], exportId: Option[Long]) extends RelayRequest

  /**
   * A block follows, in order, in [[BlockBytes]]. The offsets in `nodes` count from its beginning. Pending while the
   * agent has not stored the block before it.
   */
  final case class BeginBlock(exportId: Long, rows: Long, bytes: Long, nodes: Array[Long], reusable: Boolean)
      extends RelayRequest

  /**
   * @param message the bytes, behind one that becomes the kind of the message: they are not copied again
   * @param length how many bytes there are
   */
  final case class BlockBytes(message: Array[Byte], length: Int) extends RelayRequest

  /** The reply is [[RelayReply.Accepted]], for the blocks in the order in which they were sent. */
  case object AwaitAccepted extends RelayRequest

  /** The fields are those of [[BlockChannel.requestRead]]. */
  final case class BeginRead(
      segmentBytes: Long,
      dataset: Long,
      block: Int,
      fromRow: Long,
      maxRows: Long,
      columns: Array[Int],
      selection: Array[Int])
      extends RelayRequest

  /** The reply is [[RelayReply.Rows]]. */
  case object AwaitRead extends RelayRequest

  /** Requests bytes of the rows, from the beginning on. The reply is [[RelayReply.Bytes]]. */
  final case class FetchBytes(offset: Long, length: Int) extends RelayRequest

  private val BlockBytesKind = 5

  /** The message with a request. It refers to the request's bytes. */
  def encode(request: RelayRequest): ByteBuffer = request match {
    case BlockBytes(message, length) => RelayFields.ofBytes(BlockBytesKind, message, length)
    case other => RelayFields.write { fields =>
        other match {
          case FindRelays(application, token) => fields.number(1).text(application).bytes(token)
          case OfferRelay(application, token, relay) =>
            fields.number(2).text(application).bytes(token).text(relay.host).long(relay.port.toLong)
          case Hello(application, token, exportId) =>
            fields.number(3).text(application).bytes(token).longs(exportId.toArray)
          case BeginBlock(exportId, rows, bytes, nodes, reusable) =>
            fields.number(4).long(exportId).long(rows).long(bytes).longs(nodes).number(if (reusable) 1 else 0)
          case BlockBytes(_, _) => throw new IllegalStateException("has a form of its own")
          case AwaitAccepted => fields.number(6)
          case BeginRead(segmentBytes, dataset, block, fromRow, maxRows, columns, selection) =>
            fields.number(7).long(segmentBytes).long(dataset).long(block.toLong).long(fromRow).long(maxRows)
              .longs(columns.map(_.toLong)).longs(selection.map(_.toLong))
          case AwaitRead => fields.number(8)
          case FetchBytes(offset, length) => fields.number(9).long(offset).long(length.toLong)
        }
      }
  }

  /**
   * The request in a message, of which nothing is referred to afterwards.
   *
   * @throws ExchangeException with code PROTOCOL
   */
  def decode(message: ByteBuffer): RelayRequest =
    RelayFields.bytesOf(BlockBytesKind, message).map(bytes => BlockBytes(bytes, bytes.length - 1))
      .getOrElse(decodeFields(message))

  private def decodeFields(message: ByteBuffer): RelayRequest = RelayFields.read(message) { (kind, fields) =>
    kind match {
      case 1 => FindRelays(fields.text(), fields.bytes())
      case 2 => OfferRelay(fields.text(), fields.bytes(), RelayAddress(fields.text(), fields.long().toInt))
      case 3 => Hello(fields.text(), fields.bytes(), fields.longs().headOption)
      case 4 => BeginBlock(fields.long(), fields.long(), fields.long(), fields.longs(), fields.number() == 1)
      case 6 => AwaitAccepted
      case 7 =>
        BeginRead(
          fields.long(),
          fields.long(),
          fields.long().toInt,
          fields.long(),
          fields.long(),
          fields.longs().map(_.toInt),
          fields.longs().map(_.toInt))
      case 8 => AwaitRead
      case 9 => FetchBytes(fields.long(), fields.long().toInt)
      case other => throw new IOException(s"kind of request: $other")
    }
  }
}

/** What a relay answers. */
private[exchange] sealed trait RelayReply

private[exchange] object RelayReply {
  case object Done extends RelayReply

  /** Not yet; ask again. */
  case object Pending extends RelayReply
  final case class Relays(addresses: Seq[RelayAddress]) extends RelayReply

  /** @param node the name under which the relay's agent is known to the driver */
  final case class Welcome(node: String) extends RelayReply
  final case class Accepted(index: Long) extends RelayReply

  /**
   * The fields are those of [[ReadReply]].
   *
   * @param bytes how many bytes from the beginning of the relay's segment on the rows take
   */
  final case class Rows(
      needsLargerSegment: Boolean,
      rows: Long,
      totalRows: Long,
      neededBytes: Long,
      nodes: Array[Long],
      bytes: Long)
      extends RelayReply

  /** @param message the bytes, behind one that becomes the kind of the message: they are not copied again */
  final case class Bytes(message: Array[Byte]) extends RelayReply {
    def length: Int = message.length - 1
  }
  final case class Failed(code: ExchangeErrorCode, message: String) extends RelayReply

  private val BytesKind = 7

  /** The message with a reply. It refers to the reply's bytes. */
  def encode(reply: RelayReply): ByteBuffer = reply match {
    case bytes: Bytes => RelayFields.ofBytes(BytesKind, bytes.message, bytes.length)
    case other => RelayFields.write { fields =>
        other match {
          case Done => fields.number(1)
          case Pending => fields.number(2)
          case Relays(addresses) =>
            addresses.foldLeft(fields.number(3).long(addresses.size.toLong)) { (all, one) =>
              all.text(one.host).long(one.port.toLong)
            }
          case Welcome(node) => fields.number(4).text(node)
          case Accepted(index) => fields.number(5).long(index)
          case Rows(needsLarger, rows, totalRows, neededBytes, nodes, bytes) =>
            fields.number(6).number(if (needsLarger) 1 else 0).long(rows).long(totalRows).long(neededBytes)
              .longs(nodes).long(bytes)
          case Bytes(_) => throw new IllegalStateException("has a form of its own")
          case Failed(code, message) => fields.number(8).number(code.ordinal).text(message)
        }
      }
  }

  /**
   * The reply in a message, of which nothing is referred to afterwards.
   *
   * @throws ExchangeException with code PROTOCOL
   */
  def decode(message: ByteBuffer): RelayReply =
    RelayFields.bytesOf(BytesKind, message).map(Bytes.apply).getOrElse(decodeFields(message))

  private def decodeFields(message: ByteBuffer): RelayReply = RelayFields.read(message) { (kind, fields) =>
    kind match {
      case 1 => Done
      case 2 => Pending
      case 3 => Relays(Vector.fill(fields.count(2))(RelayAddress(fields.text(), fields.long().toInt)))
      case 4 => Welcome(fields.text())
      case 5 => Accepted(fields.long())
      case 6 =>
        Rows(fields.number() == 1, fields.long(), fields.long(), fields.long(), fields.longs(), fields.long())
      case 8 => Failed(ExchangeErrorCode.ofOrdinal(fields.number()), fields.text())
      case other => throw new IOException(s"kind of reply: $other")
    }
  }
}

/** Writes and reads the fields of messages. Lists and texts are preceded by their lengths. */
private object RelayFields {

  final class Writer(out: DataOutputStream) {
    def number(value: Int): Writer = written(out.writeByte(value))
    def long(value: Long): Writer = written(out.writeLong(value))
    def bytes(values: Array[Byte]): Writer = written { out.writeLong(values.length.toLong); out.write(values) }
    def text(value: String): Writer = bytes(value.getBytes("UTF-8"))
    def longs(values: Array[Long]): Writer = written {
      out.writeLong(values.length.toLong)
      values.foreach(out.writeLong)
    }

    private def written(write: => Unit): Writer = {
      write
      this
    }
  }

  final class Reader(in: DataInputStream) {
    def number(): Int = in.readUnsignedByte()
    def long(): Long = in.readLong()
    def bytes(): Array[Byte] = in.readNBytes(count(1))
    def text(): String = new String(bytes(), "UTF-8")
    def longs(): Array[Long] = Array.fill(count(java.lang.Long.BYTES))(in.readLong())

    /** The length of a list whose elements have at least `width` bytes. A message cannot announce more than it has. */
    def count(width: Int): Int = {
      val announced = in.readLong()
      if (announced < 0 || announced > in.available / width) throw new IOException(s"length: $announced")
      announced.toInt
    }
  }

  def write(fields: Writer => Any): ByteBuffer = {
    val bytes = new ByteArrayOutputStream
    fields(new Writer(new DataOutputStream(bytes)))
    ByteBuffer.wrap(bytes.toByteArray)
  }

  /** A message of one kind whose bytes are in `message` already, behind the first one. */
  def ofBytes(kind: Int, message: Array[Byte], length: Int): ByteBuffer = {
    message(0) = kind.toByte
    ByteBuffer.wrap(message, 0, 1 + length)
  }

  /** A copy of the message, if it is of this kind. */
  def bytesOf(kind: Int, message: ByteBuffer): Option[Array[Byte]] =
    Option.when(message.hasRemaining && message.get(message.position()) == kind) {
      val bytes = new Array[Byte](message.remaining)
      message.get(bytes)
      bytes
    }

  def read[T](message: ByteBuffer)(decode: (Int, Reader) => T): T = {
    val bytes = new Array[Byte](message.remaining)
    message.get(bytes)
    val in = new DataInputStream(new ByteArrayInputStream(bytes))
    try {
      val fields = new Reader(in)
      val decoded = decode(fields.number(), fields)
      if (in.available > 0) throw new IOException(s"bytes left: ${in.available}")
      decoded
    } catch {
      case malformed @ (_: IOException | _: IllegalArgumentException) => throw new ExchangeException(
          ExchangeErrorCode.PROTOCOL,
          "A message between a relay and its client cannot be read. Do both run the same build of raydp? Found " +
            malformed.getMessage,
          malformed)
    }
  }
}
