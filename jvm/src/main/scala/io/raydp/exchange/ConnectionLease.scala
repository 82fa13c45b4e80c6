package io.raydp.exchange

import scala.util.control.NonFatal

import org.apache.spark.{TaskContext, TaskKilledException}

/**
 * One task's use of a connection. Its owner ends the lease when the task completes, or before. Killing the task ends
 * every wait of the lease, including the one for the connection.
 *
 * @param exportId the export that the task sends blocks for, if any
 */
private[exchange] final class ConnectionLease(
    address: AgentAddress,
    context: TaskContext,
    exportId: Option[Long] = None) {
  private val cancellation = new Cancellation
  private var held: Option[BlockChannel] = None
  private var ended = false
  private var failed = false

  TaskInterrupts.onInterrupt(context)(cancellation.cancel())

  /** The connection. The first call waits for it. */
  def connection: BlockChannel = held.getOrElse {
    if (ended) throw new IllegalStateException("The lease of the connection has ended")
    val acquired = BlockChannels.acquire(address, exportId, cancellation)
    held = Some(acquired)
    acquired
  }

  def waits: TaskWaits = address.waits

  /**
   * Returns the connection to the pool, or closes it if it failed. The caller must have given back every segment except
   * those of abandoned reads.
   */
  def release(): Unit = if (failed) abandon() else end(BlockChannels.release(_, address))

  /** Closes the connection. The agent drops what the task has started. */
  def abandon(): Unit = end(BlockChannels.discard)

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

  private def end(dispose: BlockChannel => Unit): Unit = {
    // A released connection may already serve another task, which must not be cancelled.
    ended = true
    cancellation.forgetWait()
    held.foreach(dispose)
    held = None
  }
}
