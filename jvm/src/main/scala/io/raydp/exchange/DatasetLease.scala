package io.raydp.exchange

import java.lang.ref.Cleaner
import java.util.concurrent.{LinkedBlockingQueue, TimeUnit}

import scala.collection.mutable

/**
 * Keeps a Dataset's blocks alive while Spark can still read them. Tables, scans, partitions and reader factories on the
 * driver refer to the lease, and through them every DataFrame, view, cached plan and RDD over the Dataset.
 */
private[exchange] final class DatasetLease private (val dataset: Long, endsHere: Boolean) {

  /** Fails if the lease was ended although this DataFrame still refers to it. No agent serves the blocks then. */
  def requireLive(): Unit =
    if (endsHere && !DatasetLease.isLive(dataset)) throw new ExchangeException(
      ExchangeErrorCode.INVALID_ARGUMENT,
      "Spark no longer holds the Ray Dataset that this DataFrame reads, because Spark was detached from Ray since. " +
        s"Attach it again and call raydp.to_spark(dataset). Dataset: $dataset")
}

private[exchange] object DatasetLease {
  private val cleaner = Cleaner.create()
  private val live = mutable.HashMap.empty[Long, Cleaner.Cleanable]
  private val released = new LinkedBlockingQueue[java.lang.Long]()

  /** Begins a Dataset's lease, which ends when the returned object is garbage collected. */
  def begin(dataset: Long): DatasetLease = {
    val lease = new DatasetLease(dataset, endsHere = true)
    val cleanable = cleaner.register(lease, new End(dataset))
    live.synchronized(live.put(dataset, cleanable))
    lease
  }

  /** The lease of a Dataset that a program holds, which uses Spark Connect. Agents refuse what it does not hold any more. */
  def ofProgram(dataset: Long): DatasetLease = new DatasetLease(dataset, endsHere = false)

  /** The ids of the Datasets whose leases ended since the last call. Waits for one up to the timeout. */
  def awaitReleased(timeoutMillis: Long): Array[Long] =
    Option(released.poll(timeoutMillis, TimeUnit.MILLISECONDS)).fold(Array.empty[Long]) { first =>
      val others = new java.util.ArrayList[java.lang.Long]()
      released.drainTo(others)
      (first +: others.toArray(Array.empty[java.lang.Long])).map(_.longValue)
    }

  private def isLive(dataset: Long): Boolean = live.synchronized(live.contains(dataset))

  /** Ends every lease, even if a DataFrame still refers to it. */
  def endAll(): Unit = live.synchronized(live.values.toList).foreach(_.clean())

  // A separate class: a lambda in begin could capture the lease and keep it alive forever.
  private final class End(dataset: Long) extends Runnable {
    override def run(): Unit = {
      live.synchronized(live.remove(dataset))
      released.add(dataset)
      ()
    }
  }
}
