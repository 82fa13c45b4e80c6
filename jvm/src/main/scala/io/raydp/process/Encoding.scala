package io.raydp.process

import java.io.{ByteArrayInputStream, ByteArrayOutputStream, DataInputStream, DataOutputStream}

import scala.annotation.implicitNotFound
import scala.reflect.ClassTag

/**
 * How the values of a type become bytes and come back. The messages between an application's processes consist of them.
 * All processes run the same jar, so messages have no version.
 *
 * Written by hand: the AppMaster's class path has no serialization library, and no message can name a class to create.
 */
@implicitNotFound(
  "A message cannot hold a ${T}, because it has no Encoding. Declare one in the companion of the type: Encoding.record")
private[raydp] trait Encoding[T] {
  def write(out: DataOutputStream, value: T): Unit
  def read(in: DataInputStream): T
}

private[raydp] object Encoding {

  def encode[T](value: T)(implicit encoding: Encoding[T]): Array[Byte] = {
    val bytes = new ByteArrayOutputStream
    val out = new DataOutputStream(bytes)
    encoding.write(out, value)
    out.flush()
    bytes.toByteArray
  }

  def decode[T](bytes: Array[Byte])(implicit encoding: Encoding[T]): T =
    encoding.read(new DataInputStream(new ByteArrayInputStream(bytes)))

  /** The fields of a record that is written, or read. */
  private[raydp] trait Fields[R] {

    /** Writes this field of the record, or reads it. Returns its value in both cases. */
    def apply[T: Encoding](field: R => T): T
  }

  /**
   * The encoding of a case class: its fields, in the order in which `make` names them.
   *
   * `make` describes both directions, so they cannot differ. To write a record, it builds a copy of it.
   */
  def record[R](make: Fields[R] => R): Encoding[R] = new Encoding[R] {
    override def write(out: DataOutputStream, value: R): Unit = {
      make(new Fields[R] {
        override def apply[T](field: R => T)(implicit encoding: Encoding[T]): T = {
          val content = field(value)
          encoding.write(out, content)
          content
        }
      })
      ()
    }

    override def read(in: DataInputStream): R = make(new Fields[R] {
      override def apply[T](field: R => T)(implicit encoding: Encoding[T]): T = encoding.read(in)
    })
  }

  /** One case of a sealed trait. */
  final class Case[C] private[Encoding] (make: Fields[C] => C, tag: ClassTag[C]) {
    private val encoding = record(make)
    private[Encoding] def fits(value: Any): Boolean = tag.runtimeClass.isInstance(value)
    private[Encoding] def write(out: DataOutputStream, value: Any): Unit =
      tag.unapply(value).foreach(encoding.write(out, _))
    private[Encoding] def read(in: DataInputStream): C = encoding.read(in)
  }

  def caseOf[C](make: Fields[C] => C)(implicit tag: ClassTag[C]): Case[C] = new Case(make, tag)

  /** The encoding of a sealed trait: the number of the case, then the case. */
  def oneOf[T](cases: Case[_ <: T]*): Encoding[T] = new Encoding[T] {
    override def write(out: DataOutputStream, value: T): Unit = {
      val number = cases.indexWhere(_.fits(value))
      if (number < 0) throw new IllegalArgumentException(s"its encoding lacks this case: $value")
      out.writeByte(number)
      cases(number).write(out, value)
    }
    override def read(in: DataInputStream): T = cases(in.readUnsignedByte()).read(in)
  }

  /** The encoding of an enumeration: the position in the list of all its values. */
  def among[T](all: Vector[T]): Encoding[T] = new Encoding[T] {
    override def write(out: DataOutputStream, value: T): Unit = out.writeByte(all.indexOf(value))
    override def read(in: DataInputStream): T = all(in.readUnsignedByte())
  }

  implicit val boolean: Encoding[Boolean] = primitive(_.writeBoolean(_), _.readBoolean())
  implicit val int: Encoding[Int] = primitive(_.writeInt(_), _.readInt())
  implicit val long: Encoding[Long] = primitive(_.writeLong(_), _.readLong())
  implicit val double: Encoding[Double] = primitive(_.writeDouble(_), _.readDouble())

  /** A text of any length. `writeUTF` stops at 64 KiB. */
  implicit val text: Encoding[String] = primitive(
    (out, value) => {
      val bytes = value.getBytes("UTF-8")
      out.writeInt(bytes.length)
      out.write(bytes)
    },
    in => new String(in.readNBytes(in.readInt()), "UTF-8"))

  implicit def option[T](implicit item: Encoding[T]): Encoding[Option[T]] = primitive(
    (out, value) => {
      out.writeBoolean(value.isDefined)
      value.foreach(item.write(out, _))
    },
    in => Option.when(in.readBoolean())(item.read(in)))

  implicit def either[L, R](implicit left: Encoding[L], right: Encoding[R]): Encoding[Either[L, R]] = primitive(
    (out, value) => {
      out.writeBoolean(value.isRight)
      value.fold(left.write(out, _), right.write(out, _))
    },
    in => Either.cond(in.readBoolean(), right.read(in), left.read(in)))

  implicit def pair[A, B](implicit first: Encoding[A], second: Encoding[B]): Encoding[(A, B)] =
    record(fields => (fields(_._1), fields(_._2)))

  implicit def vector[T](implicit item: Encoding[T]): Encoding[Vector[T]] = primitive(
    (out, values) => {
      out.writeInt(values.size)
      values.foreach(item.write(out, _))
    },
    in => Vector.fill(in.readInt())(item.read(in)))

  implicit def map[K, V](implicit entries: Encoding[Vector[(K, V)]]): Encoding[Map[K, V]] =
    primitive((out, values) => entries.write(out, values.toVector), in => entries.read(in).toMap)

  private def primitive[T](writes: (DataOutputStream, T) => Unit, reads: DataInputStream => T): Encoding[T] =
    new Encoding[T] {
      override def write(out: DataOutputStream, value: T): Unit = writes(out, value)
      override def read(in: DataInputStream): T = reads(in)
    }
}
