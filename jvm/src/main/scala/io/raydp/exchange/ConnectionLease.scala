package io.raydp.exchange

import scala.util.control.NonFatal

import org.apache.spark.{TaskContext, TaskKilledException}

/**
 * A connection in the hands of one task, whose owner ends the lease at the latest when the task completes. Killing the
 * task wakes it from a wait.
 *
 * @param exportId the export that the task sends blocks for, if any
 */
private[exchange] final class ConnectionLease(
    address: AgentAddress,
    context: TaskContext,
    exportId: Option[Long] = None) {
  private val pool = AgentConnectionPool.shared
  private var held = true
  private var failed = false

  val connection: AgentConnection = pool.acquire(address, exportId)

  context.addTaskInterruptListener((_, _) => cancel())

  def timeoutMillis: Int = address.timeoutMillis

  /**
   * Returns the connection to the pool, unless it failed; every segment was given back or waits for an abandoned read.
   */
  def release(): Unit = if (failed) abandon() else end(pool.release(_, address))

  /** Closes the connection: the agent forgets what the task had begun. */
  def abandon(): Unit = end(pool.discard)

  /** Runs `body`; when the task was killed before or meanwhile, it fails as Spark wants a killed task to fail. */
  def guarded[T](body: => T): T =
    try {
      // Otherwise a task that never has to wait would go on to its end.
      if (context.isInterrupted()) throw new TaskKilledException("killed before it exchanged data with Ray")
      body
    } catch {
      case NonFatal(failure) =>
        failed = true
        throw if (context.isInterrupted()) new TaskKilledException("killed while it exchanged data with Ray")
        else failure
    }

  private def end(how: AgentConnection => Unit): Unit = synchronized {
    if (held) {
      held = false
      how(connection)
    }
  }

  // Once released, the connection may already serve another task, which must not feel this one's death.
  private def cancel(): Unit = synchronized {
    if (held) connection.cancel()
  }
}
