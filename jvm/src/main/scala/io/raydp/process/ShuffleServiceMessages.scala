package io.raydp.process

import io.raydp.process.ByteMessages.{readText, readTexts, reader, writeText, writeTexts, written}

/**
 * What a shuffle service needs to start. It travels as an argument, because the properties may contain a secret.
 *
 * @param properties Spark settings about authentication, networks and shuffles
 */
final case class ShuffleServiceLaunch(applicationId: String, properties: Map[String, String]) {
  def encoded: Array[Byte] = written { out =>
    out.writeUTF(applicationId)
    writeTexts(out, properties)
  }

  /** Without the properties. */
  override def toString: String = s"ShuffleServiceLaunch($applicationId)"
}

object ShuffleServiceLaunch {
  def decode(bytes: Array[Byte]): ShuffleServiceLaunch = {
    val in = reader(bytes)
    ShuffleServiceLaunch(in.readUTF(), readTexts(in))
  }
}

/** The port that a shuffle service listens on, or on the left, why it does not. */
final case class ShuffleServiceAnswer(port: Either[String, Int]) {
  def encoded: Array[Byte] = written { out =>
    out.writeInt(port.getOrElse(0))
    writeText(out, port.left.getOrElse(""))
  }
}

object ShuffleServiceAnswer {
  def decode(bytes: Array[Byte]): ShuffleServiceAnswer = {
    val in = reader(bytes)
    val port = in.readInt()
    val reason = readText(in)
    ShuffleServiceAnswer(if (port > 0) Right(port) else Left(reason))
  }
}
