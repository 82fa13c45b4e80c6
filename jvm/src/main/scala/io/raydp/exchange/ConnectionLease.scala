package io.raydp.exchange

import scala.util.control.NonFatal

import org.apache.spark.{TaskContext, TaskKilledException}

/**
 * One task's use of a connection. Its owner ends the lease when the task completes, or before. Killing the task ends
 * its wait.
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
   * Returns the connection to the pool, or closes it if it failed. The caller must have given back every segment except
   * those of abandoned reads.
   */
  def release(): Unit = if (failed) abandon() else end(pool.release(_, address))

  /** Closes the connection. The agent drops what the task has started. */
  def abandon(): Unit = end(pool.discard)

  /** Runs `body`. If the task is killed before or during it, fails with the exception that Spark expects. */
  def guarded[T](body: => T): T =
    try {
      // A task that never has to wait would otherwise run to its end.
      if (context.isInterrupted()) throw new TaskKilledException("killed before it exchanged data with Ray")
      body
    } catch {
      case NonFatal(failure) =>
        failed = true
        throw if (context.isInterrupted()) new TaskKilledException("killed while it exchanged data with Ray")
        else failure
    }

  private def end(dispose: AgentConnection => Unit): Unit = synchronized {
    if (held) {
      held = false
      dispose(connection)
    }
  }

  // A released connection may already serve another task, which must not be cancelled.
  private def cancel(): Unit = synchronized {
    if (held) connection.cancel()
  }
}
