package org.apache.spark.raydp

import io.raydp.metrics.MetricBoard
import io.raydp.process.{ExecutorOutcome, FolderGuard}

/**
 * Provides one application's executors to Spark's scheduler backend. All methods may be called from any thread and
 * return at once, except [[awaitRegistered]] and [[stop]].
 */
trait ExecutorProvider {
  def applicationId: String

  def coresPerExecutor: Int

  /** Deletes folders after this JVM has ended. */
  def folders: FolderGuard

  /** Takes the metrics that the application's processes send. */
  def metrics: MetricBoard

  def totals: ExecutorTotals

  /**
   * Executors can join `scheduler` from now on, which needs `desired` of them.
   *
   * @throws RuntimeException the application has failed
   */
  def attach(scheduler: DriverScheduler, desired: Int): Unit

  /** Spark needs this many executors in total. */
  def setDesired(count: Int): Unit

  /** Spark told these executors to stop. */
  def toldToStop(ids: Seq[Int]): Unit

  /** Spark gives these executors no more tasks. They end once they have none left. */
  def decommissioned(ids: Seq[Int]): Unit

  /** Whether this executor may join the driver and stay. */
  def expects(id: Int): Boolean

  def registered(id: Int): Unit

  /** An executor reports that its process is about to end. */
  def ending(id: Int, outcome: ExecutorOutcome): Unit

  /** An executor's connection to the driver broke. */
  def disconnected(id: Int): Unit

  /**
   * Waits a fraction of a second for executors.
   *
   * @param count how many must be registered
   * @param patienceMillis after this time since the application's start, one executor is enough
   * @return whether enough executors are registered
   * @throws RuntimeException the application has failed
   */
  def awaitRegistered(count: Int, patienceMillis: Long): Boolean

  /** Ends all actors and leaves the Ray cluster. Bounded and idempotent. */
  def stop(): Unit
}

/** What the provider of executors needs from Spark's scheduler backend. All methods may be called from any thread. */
trait DriverScheduler {

  /** Where executors connect to the driver. */
  def driverUrl: String

  /** Settings that an executor needs before it can ask the driver for the others. They may contain a secret. */
  def executorProperties: Map[String, String]

  /** How many tasks of the application have finished so far. */
  def tasksFinished: Long

  /** Changes the number of executors. If there are too many, idle ones leave first. */
  def resize(count: Int): Unit

  /** An executor is gone. Spark runs its tasks elsewhere. */
  def executorLost(id: Int, outcome: ExecutorOutcome): Unit

  /** Whether Spark still knows of shuffle files on this host. Searches all of them. */
  def holdsShuffleFiles(host: String): Boolean

  /** The shuffle files on this host are gone. Spark recomputes what needs them. */
  def filesLost(host: String, reason: String): Unit

  /** The application cannot continue: whatever waits for it fails with this error. */
  def failed(error: RuntimeException): Unit
}

/** How many executors are wanted and how many are in each state. Leaving ones count neither as pending nor registered. */
final case class ExecutorTotals(desired: Int, pending: Int, registered: Int, leaving: Int)

object ExecutorTotals {
  val none: ExecutorTotals = ExecutorTotals(0, 0, 0, 0)
}
