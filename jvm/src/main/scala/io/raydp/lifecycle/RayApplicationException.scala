package io.raydp.lifecycle

import io.raydp.process.Encoding

/**
 * Why an application failed.
 *
 * @param name how messages between processes, and logs, call it
 * @param error the class in Python's `raydp.errors` that is raised for it
 * @param isInLogs whether the executors' logs explain it; the error's message then ends with their last lines
 */
sealed abstract class FailureKind(val name: String, val error: String, val isInLogs: Boolean = false)

object FailureKind {
  case object RayUnreachable extends FailureKind("ray_unreachable", "ClusterError")
  case object Infeasible extends FailureKind("infeasible", "ClusterError")
  case object StartFailed extends FailureKind("start_failed", "ExecutorStartError", isInLogs = true)
  case object StartTimeout extends FailureKind("start_timeout", "ExecutorStartError", isInLogs = true)
  case object InvalidConfiguration extends FailureKind("invalid_configuration", "InvalidArgumentError")
  case object Stopped extends FailureKind("stopped", "SessionError")

  /** An error that nobody expected. The message quotes it. */
  case object Internal extends FailureKind("internal", "SessionError")

  val all: Vector[FailureKind] =
    Vector(RayUnreachable, Infeasible, StartFailed, StartTimeout, InvalidConfiguration, Stopped, Internal)

  private[lifecycle] implicit val encoding: Encoding[FailureKind] = Encoding.among(all)
}

/** The application cannot continue. The message names the problem, the likely cause and the fix. */
final class RayApplicationException(val failure: FailureKind, message: String, cause: Option[Throwable] = None)
    extends RuntimeException(message, cause.orNull) {

  // For callers over Py4J, which cannot match on Scala objects.
  def kind: String = failure.name
  def error: String = failure.error
  def isInLogs: Boolean = failure.isInLogs
}
