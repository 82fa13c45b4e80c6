package io.raydp.exchange

import java.lang.ref.Cleaner
import java.util.concurrent.{LinkedBlockingQueue, TimeUnit}

import scala.collection.mutable

/**
 * Keeps a Dataset's blocks alive for Spark: as long as a table, a scan, a partition or a reader factory of the driver
 * refers to the lease, so does a DataFrame, a view, a cached plan or an RDD, and the blocks may be read again.
 */
private[exchange] final class DatasetLease private (val dataset: Long)

private[exchange] object DatasetLease {
  private val cleaner = Cleaner.create()
  private val live = mutable.HashMap.empty[Long, Cleaner.Cleanable]
  private val released = new LinkedBlockingQueue[java.lang.Long]()

  /** Begins the lease of a Dataset; it ends when the result is garbage. */
  def begin(dataset: Long): DatasetLease = {
    val lease = new DatasetLease(dataset)
    val cleanable = cleaner.register(lease, new End(dataset))
    live.synchronized(live.put(dataset, cleanable))
    lease
  }

  /** The Datasets whose leases ended since the last call; waits for one up to the timeout. */
  def awaitReleased(timeoutMillis: Long): Array[Long] =
    Option(released.poll(timeoutMillis, TimeUnit.MILLISECONDS)).fold(Array.empty[Long]) { first =>
      val others = new java.util.ArrayList[java.lang.Long]()
      released.drainTo(others)
      (first +: others.toArray(Array.empty[java.lang.Long])).map(_.longValue)
    }

  /** Ends every lease, whether or not a DataFrame still refers to it. */
  def endAll(): Unit = live.synchronized(live.values.toList).foreach(_.clean())

  // A class of its own, because a lambda in begin could capture the lease and keep it alive for ever.
  private final class End(dataset: Long) extends Runnable {
    override def run(): Unit = {
      live.synchronized(live.remove(dataset))
      released.add(dataset)
      ()
    }
  }
}
