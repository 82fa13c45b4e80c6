package io.raydp.lifecycle

/** Why an application failed. `name` is what other languages see. */
sealed abstract class FailureKind(val name: String)

object FailureKind {
  case object RayUnreachable extends FailureKind("ray_unreachable")
  case object Infeasible extends FailureKind("infeasible")
  case object StartFailed extends FailureKind("start_failed")
  case object StartTimeout extends FailureKind("start_timeout")
  case object InvalidConfiguration extends FailureKind("invalid_configuration")
  case object Stopped extends FailureKind("stopped")

  /** An error that nobody expected. The message quotes it. */
  case object Internal extends FailureKind("internal")

  val all: Vector[FailureKind] =
    Vector(RayUnreachable, Infeasible, StartFailed, StartTimeout, InvalidConfiguration, Stopped, Internal)

  def named(name: String): FailureKind =
    all.find(_.name == name).getOrElse(throw new IllegalArgumentException(s"no such kind of failure: $name"))
}

/** The application cannot continue. The message names the problem, the likely cause and the fix. */
final class RayApplicationException(val failure: FailureKind, message: String, cause: Option[Throwable] = None)
    extends RuntimeException(message, cause.orNull) {

  /** For callers over Py4J, which cannot match on Scala objects. */
  def kind: String = failure.name
}
