package io.raydp.lifecycle

import java.io.{ByteArrayInputStream, DataInputStream}

/**
 * Where an executor's process is.
 *
 * @param nodeId Ray's id of its node, in hexadecimal
 * @param host address of that node
 * @param jvmStartMillis wall-clock time of the process's start
 * @param log path of its log on that node; empty when unknown
 */
final case class ExecutorPlace(nodeId: String, host: String, pid: Long, jvmStartMillis: Long, log: String) {
  def encoded: Array[Byte] = SnapshotCodec.written { out =>
    out.writeUTF(nodeId)
    out.writeUTF(host)
    out.writeLong(pid)
    out.writeLong(jvmStartMillis)
    out.writeUTF(log)
  }

  override def toString: String = s"node $host (${nodeId.take(8)}), process $pid"
}

object ExecutorPlace {
  def decode(bytes: Array[Byte]): ExecutorPlace = {
    val in = new DataInputStream(new ByteArrayInputStream(bytes))
    ExecutorPlace(in.readUTF(), in.readUTF(), in.readLong(), in.readLong(), in.readUTF())
  }
}

/**
 * What an executor needs to join the driver. Travels as an argument and not on a command line, since the properties
 * may hold the secret of Spark's authentication.
 *
 * @param properties Spark settings that must be known before the driver can be asked for the rest
 */
final case class ExecutorLaunch(
    driverUrl: String,
    executorId: Int,
    cores: Int,
    applicationId: String,
    resourceProfileId: Int,
    properties: Map[String, String]) {
  def encoded: Array[Byte] = SnapshotCodec.written { out =>
    out.writeUTF(driverUrl)
    out.writeInt(executorId)
    out.writeInt(cores)
    out.writeUTF(applicationId)
    out.writeInt(resourceProfileId)
    SnapshotCodec.texts(out, properties)
  }

  /** Without the properties. */
  override def toString: String = s"ExecutorLaunch(executor $executorId of $applicationId at $driverUrl)"
}

object ExecutorLaunch {
  def decode(bytes: Array[Byte]): ExecutorLaunch = {
    val in = new DataInputStream(new ByteArrayInputStream(bytes))
    ExecutorLaunch(
      in.readUTF(),
      in.readInt(),
      in.readInt(),
      in.readUTF(),
      in.readInt(),
      SnapshotCodec.texts(in))
  }
}

/**
 * How an executor ended, by its own word.
 *
 * @param exitCode what its process ended with, as far as it knew; 0 is an orderly stop
 * @param byApplication whether the application's own code ended it, which counts against `spark.task.maxFailures`
 * @param reason what happened, for people
 */
final case class ExecutorOutcome(exitCode: Int, byApplication: Boolean, reason: String) {
  def encoded: Array[Byte] = SnapshotCodec.written { out =>
    out.writeInt(exitCode)
    out.writeBoolean(byApplication)
    SnapshotCodec.text(out, reason)
  }
}

object ExecutorOutcome {
  def decode(bytes: Array[Byte]): ExecutorOutcome = {
    val in = new DataInputStream(new ByteArrayInputStream(bytes))
    ExecutorOutcome(in.readInt(), in.readBoolean(), SnapshotCodec.text(in))
  }
}
