package org.apache.spark.raydp

import io.netty.buffer.ByteBuf

/** Follows the lengths of the messages that a client of Spark's network protocol sends: each begins with its own. */
private[raydp] final class MessageLengths {
  private var length = 0L // of the current message, with the 8 bytes that it is read from
  private var lengthBytes = 0 // how many of those have come
  private var missing = 0L // bytes of the current message that have not come

  /** The length of the message that came last. */
  def last: Long = length

  /** Takes what has come. Whether one of its messages is longer than `most`, or has no possible length. */
  def exceed(most: Long, bytes: ByteBuf): Boolean = {
    var at = bytes.readerIndex
    while (at < bytes.writerIndex) {
      if (missing > 0) {
        val here = math.min(missing, (bytes.writerIndex - at).toLong)
        at += here.toInt
        missing -= here
      } else {
        length = length << 8 | bytes.getByte(at) & 0xff
        lengthBytes += 1
        at += 1
        if (lengthBytes == java.lang.Long.BYTES) {
          if (length < java.lang.Long.BYTES || length > most) return true
          missing = length - java.lang.Long.BYTES
          length = 0
          lengthBytes = 0
        }
      }
    }
    false
  }
}
