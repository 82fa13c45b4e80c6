package io.raydp.exchange

import java.util.concurrent.{CountDownLatch, TimeUnit}

import scala.collection.mutable

/**
 * Which exports run. One that is cancelled does not go on, whatever the moment: Spark cancels only jobs that it knows, but
 * an interrupt can come before the export calls Spark, while Spark plans, or between two jobs of a query.
 */
private[exchange] final class RunningExports {
  import RunningExports.RepeatMillis

  private val running = mutable.Map.empty[Long, CountDownLatch]
  private val cancelled = mutable.Set.empty[Long]

  /**
   * Runs `body` as an export.
   *
   * @throws ExchangeException with code CANCELLED if it was cancelled before
   */
  def run[T](exportId: Long)(body: => T): T = {
    val ended = new CountDownLatch(1)
    synchronized {
      if (cancelled.contains(exportId)) {
        throw new ExchangeException(ExchangeErrorCode.CANCELLED, s"The conversion was cancelled. Export: $exportId")
      }
      running.update(exportId, ended)
    }
    try body
    finally {
      synchronized(running.remove(exportId))
      ended.countDown()
    }
  }

  /**
   * Ends an export, and returns when it has ended. One that has not started yet never runs.
   *
   * @param cancelJobs cancels the jobs that Spark has at this moment; it is called until the export has ended
   */
  def cancel(exportId: Long)(cancelJobs: => Unit): Unit = {
    val ended = synchronized {
      cancelled.add(exportId)
      running.get(exportId)
    }
    ended.foreach { latch =>
      cancelJobs
      while (!latch.await(RepeatMillis, TimeUnit.MILLISECONDS)) cancelJobs
    }
  }
}

private object RunningExports {
  private val RepeatMillis = 50L
}
