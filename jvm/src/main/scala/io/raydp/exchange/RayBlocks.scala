package io.raydp.exchange

import java.lang.ref.WeakReference

import scala.collection.concurrent.TrieMap

import org.apache.spark.sql.{DataFrame, SparkSession}

/** The way from Ray to Spark, as Python calls it. */
object RayBlocks {

  // Weak, because the registry only leads from the option of a read to the table, which is what holds the lease.
  private val tables = TrieMap.empty[Long, WeakReference[RayTable]]

  /**
   * A DataFrame over the blocks of a Dataset. It can be used any number of times; the agents must be able to serve the
   * blocks until [[awaitReleased]] has named the Dataset.
   */
  def dataFrame(spark: SparkSession, requestJson: String): DataFrame = {
    val dataset = RayDataset.parse(requestJson)
    val table = new RayTable(dataset, DatasetLease.begin(dataset.id))
    tables.put(dataset.id, new WeakReference(table))
    try spark.read.format(RayTableProvider.ShortName).option(RayTableProvider.DatasetOption, dataset.id).load()
    finally java.lang.ref.Reference.reachabilityFence(table)
  }

  /** The table of a Dataset that some DataFrame still refers to. */
  private[exchange] def table(dataset: Long): Option[RayTable] = tables.get(dataset).flatMap(found => Option(found.get))

  /**
   * Waits until Spark has let go of some Dataset, because the last DataFrame, view or RDD over it was garbage
   * collected, and returns their numbers; none when `timeoutMillis` have passed.
   */
  def awaitReleased(timeoutMillis: Int): Array[Long] = {
    val released = DatasetLease.awaitReleased(timeoutMillis.toLong)
    released.foreach(tables.remove)
    released
  }

  /** Lets go of every Dataset; reading one of them afterwards fails. */
  def releaseAll(): Unit = DatasetLease.endAll()
}
