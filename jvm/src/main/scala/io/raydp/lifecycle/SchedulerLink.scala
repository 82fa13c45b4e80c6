package io.raydp.lifecycle

/** What the lifecycle needs of Spark's scheduler backend. All methods may be called from any thread. */
trait SchedulerLink {

  /** Where executors find the driver. */
  def driverUrl: String

  /** Settings that an executor must know before it can ask the driver for the others; they may hold a secret. */
  def executorProperties: Map[String, String]

  /** How many tasks have finished so far in the application. */
  def tasksFinished: Long

  /** From now on there shall be so many executors. Of those in excess, the idle ones go first. */
  def resize(count: Int): Unit

  /** An executor is gone; its tasks run again elsewhere. */
  def executorLost(id: Int, outcome: ExecutorOutcome): Unit

  /** Whether Spark knows of shuffle files on this host that may be read again; looks through all of them. */
  def holdsShuffleFiles(host: String): Boolean

  /** The shuffle files on this host are gone, and what needs them is computed again. */
  def filesLost(host: String, reason: String): Unit

  /** The application cannot go on: whatever waits for it must fail with this. */
  def failed(error: RayApplicationException): Unit
}

/**
 * What one executor needs by Spark's own settings.
 *
 * @param memoryMiB heap, overhead, off-heap and PySpark memory together
 * @param custom other resources by Ray's names
 */
final case class ExecutorResources(cores: Int, heapMiB: Long, memoryMiB: Long, custom: Map[String, Double])
