package io.raydp.process

/**
 * Where an executor's process is.
 *
 * @param nodeId Ray's id of its node, in hexadecimal
 * @param host address of that node
 * @param jvmStartMillis wall-clock time of the process's start
 * @param log path of its log on that node; empty if unknown
 */
final case class ExecutorPlace(nodeId: String, host: String, pid: Long, jvmStartMillis: Long, log: String) {
  override def toString: String = s"node $host (${nodeId.take(8)}), process $pid"
}

object ExecutorPlace {
  private[raydp] implicit val encoding: Encoding[ExecutorPlace] = Encoding.record { fields =>
    ExecutorPlace(fields(_.nodeId), fields(_.host), fields(_.pid), fields(_.jvmStartMillis), fields(_.log))
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

  /** Without the properties. */
  override def toString: String = s"ExecutorLaunch(executor $executorId of $applicationId at $driverUrl)"
}

object ExecutorLaunch {
  private[raydp] implicit val encoding: Encoding[ExecutorLaunch] = Encoding.record { fields =>
    ExecutorLaunch(
      fields(_.driverUrl),
      fields(_.executorId),
      fields(_.cores),
      fields(_.applicationId),
      fields(_.resourceProfileId),
      fields(_.properties))
  }
}

/**
 * How an executor ended, as it reports itself.
 *
 * @param exitCode exit code of its process, as far as known; 0 is an orderly stop
 * @param byApplication whether the application's own code ended it, which counts against `spark.task.maxFailures`
 * @param reason what happened, for people
 */
final case class ExecutorOutcome(exitCode: Int, byApplication: Boolean, reason: String)

object ExecutorOutcome {
  private[raydp] implicit val encoding: Encoding[ExecutorOutcome] =
    Encoding.record(fields => ExecutorOutcome(fields(_.exitCode), fields(_.byApplication), fields(_.reason)))
}
