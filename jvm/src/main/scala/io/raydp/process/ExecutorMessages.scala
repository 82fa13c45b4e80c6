package io.raydp.process

import io.raydp.process.ByteMessages.{readText, readTexts, reader, writeText, writeTexts, written}

/**
 * Where an executor's process is.
 *
 * @param nodeId Ray's id of its node, in hexadecimal
 * @param host address of that node
 * @param jvmStartMillis wall-clock time of the process's start
 * @param log path of its log on that node; empty if unknown
 */
final case class ExecutorPlace(nodeId: String, host: String, pid: Long, jvmStartMillis: Long, log: String) {
  def encoded: Array[Byte] = written { out =>
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
    val in = reader(bytes)
    ExecutorPlace(in.readUTF(), in.readUTF(), in.readLong(), in.readLong(), in.readUTF())
  }
}

/**
 * What an executor needs to join the driver. It travels as an argument and not on a command line, because the properties
 * may contain the secret of Spark's authentication.
 *
 * @param properties Spark settings that an executor needs before it can ask the driver for the others
 */
final case class ExecutorLaunch(
    driverUrl: String,
    executorId: Int,
    cores: Int,
    applicationId: String,
    resourceProfileId: Int,
    properties: Map[String, String]) {
  def encoded: Array[Byte] = written { out =>
    out.writeUTF(driverUrl)
    out.writeInt(executorId)
    out.writeInt(cores)
    out.writeUTF(applicationId)
    out.writeInt(resourceProfileId)
    writeTexts(out, properties)
  }

  /** Without the properties. */
  override def toString: String = s"ExecutorLaunch(executor $executorId of $applicationId at $driverUrl)"
}

object ExecutorLaunch {
  def decode(bytes: Array[Byte]): ExecutorLaunch = {
    val in = reader(bytes)
    ExecutorLaunch(in.readUTF(), in.readInt(), in.readInt(), in.readUTF(), in.readInt(), readTexts(in))
  }
}

/**
 * How an executor ended, as it reports itself.
 *
 * @param exitCode exit code of its process, as far as known; 0 is an orderly stop
 * @param byApplication whether the application's own code ended it, which counts against `spark.task.maxFailures`
 * @param reason what happened, for people
 */
final case class ExecutorOutcome(exitCode: Int, byApplication: Boolean, reason: String) {
  def encoded: Array[Byte] = written { out =>
    out.writeInt(exitCode)
    out.writeBoolean(byApplication)
    writeText(out, reason)
  }
}

object ExecutorOutcome {
  def decode(bytes: Array[Byte]): ExecutorOutcome = {
    val in = reader(bytes)
    ExecutorOutcome(in.readInt(), in.readBoolean(), readText(in))
  }
}
