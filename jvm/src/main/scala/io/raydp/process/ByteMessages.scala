package io.raydp.process

import java.io.{ByteArrayInputStream, ByteArrayOutputStream, DataInputStream, DataOutputStream}

/**
 * Writes and reads the messages between an application's processes as bytes. All run the same jar, so messages have no
 * version.
 *
 * Written by hand: the AppMaster's class path has no serialization library, and no message can name a class to create.
 */
private[raydp] object ByteMessages {
  def written(write: DataOutputStream => Unit): Array[Byte] = {
    val bytes = new ByteArrayOutputStream
    val out = new DataOutputStream(bytes)
    write(out)
    out.flush()
    bytes.toByteArray
  }

  def reader(bytes: Array[Byte]): DataInputStream = new DataInputStream(new ByteArrayInputStream(bytes))

  def writeAll[T](out: DataOutputStream, items: Iterable[T])(write: T => Unit): Unit = {
    out.writeInt(items.size)
    items.foreach(write)
  }

  def readAll[T](in: DataInputStream)(read: => T): Vector[T] = Vector.fill(in.readInt())(read)

  def writeOption[T](out: DataOutputStream, item: Option[T])(write: T => Unit): Unit = {
    out.writeBoolean(item.isDefined)
    item.foreach(write)
  }

  def readOption[T](in: DataInputStream)(read: => T): Option[T] = Option.when(in.readBoolean())(read)

  /** A text of any length. `writeUTF` stops at 64 KiB. */
  def writeText(out: DataOutputStream, value: String): Unit = {
    val bytes = value.getBytes("UTF-8")
    out.writeInt(bytes.length)
    out.write(bytes)
  }

  def readText(in: DataInputStream): String = new String(in.readNBytes(in.readInt()), "UTF-8")

  def writeTexts(out: DataOutputStream, values: Map[String, String]): Unit =
    writeAll(out, values) { case (key, value) =>
      writeText(out, key)
      writeText(out, value)
    }

  def readTexts(in: DataInputStream): Map[String, String] = readAll(in)((readText(in), readText(in))).toMap
}
