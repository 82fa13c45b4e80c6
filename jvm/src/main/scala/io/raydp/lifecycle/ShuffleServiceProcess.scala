package io.raydp.lifecycle

import java.io.{ByteArrayInputStream, DataInputStream}

import org.apache.spark.SparkConf
import org.apache.spark.raydp.{ApplicationSecret, ShuffleService}

/**
 * What a shuffle service needs to start. Travels as an argument, since the properties may hold a secret.
 *
 * @param properties Spark settings about authentication, networks and shuffles
 */
final case class ShuffleServiceLaunch(applicationId: String, properties: Map[String, String]) {
  def encoded: Array[Byte] = SnapshotCodec.written { out =>
    out.writeUTF(applicationId)
    SnapshotCodec.texts(out, properties)
  }

  /** Without the properties. */
  override def toString: String = s"ShuffleServiceLaunch($applicationId)"
}

object ShuffleServiceLaunch {
  def decode(bytes: Array[Byte]): ShuffleServiceLaunch = {
    val in = new DataInputStream(new ByteArrayInputStream(bytes))
    ShuffleServiceLaunch(in.readUTF(), SnapshotCodec.texts(in))
  }
}

/** Where a shuffle service listens, or why it does not. */
final case class ShuffleServiceAnswer(port: Either[String, Int]) {
  def encoded: Array[Byte] = SnapshotCodec.written { out =>
    out.writeInt(port.getOrElse(0))
    SnapshotCodec.text(out, port.left.getOrElse(""))
  }
}

object ShuffleServiceAnswer {
  def decode(bytes: Array[Byte]): ShuffleServiceAnswer = {
    val in = new DataInputStream(new ByteArrayInputStream(bytes))
    val port = in.readInt()
    val reason = SnapshotCodec.text(in)
    ShuffleServiceAnswer(if (port > 0) Right(port) else Left(reason))
  }
}

/**
 * The shuffle service's side of its life.
 *
 * With its process, however that ends, go the files that it served: the driver gives up whatever was computed there, as
 * it does when a node is lost.
 */
final class ShuffleServiceProcess {
  private val files = FolderGuard.start()

  def start(launch: Array[Byte]): Array[Byte] = {
    val port =
      try {
        // As in an executor: Spark resolves classes by the context's loader, which is Ray's own here.
        Thread.currentThread.setContextClassLoader(ClassLoader.getSystemClassLoader)
        val ShuffleServiceLaunch(id, properties) = ShuffleServiceLaunch.decode(launch)
        val conf = new SparkConf(false).setAll(ApplicationSecret.extract(properties))
        Right(new ShuffleService(ExecutorProcess.locate().host, id, conf, files.add).port)
      } catch {
        // Whatever it is, also a class that is missing: it is the answer to the driver.
        case error: Throwable => Left(ExecutorProcess.stackTrace(error))
      }
    ShuffleServiceAnswer(port).encoded
  }
}
