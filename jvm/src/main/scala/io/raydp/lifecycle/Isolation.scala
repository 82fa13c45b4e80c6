package io.raydp.lifecycle

import scala.util.control.NonFatal

import org.slf4j.Logger

/**
 * Runs steps that do not depend on each other: one that fails is logged, and the next ones run. Like Spark's
 * `Utils.tryLogNonFatalError`, but a class that cannot be loaded is not fatal either.
 */
private[lifecycle] final class Isolation(log: Logger) {

  /** @param failed what to log if `step` fails */
  def apply(failed: => String)(step: => Unit): Unit =
    try step
    catch { case Isolation.Failure(error) => log.error(failed, error) }
}

private[lifecycle] object Isolation {

  /** An error after which this process can continue. Ray's native calls also fail with a LinkageError. */
  object Failure {
    def unapply(error: Throwable): Option[Throwable] = error match {
      case NonFatal(_) | _: LinkageError => Some(error)
      case _ => None
    }
  }
}
