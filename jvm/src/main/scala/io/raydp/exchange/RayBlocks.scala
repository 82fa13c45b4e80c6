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
    val table = lease(requestJson)
    val dataset = table.dataset
    tables.put(dataset.id, new WeakReference(table))
    try spark.read.format(RayTableProvider.ShortName).option(RayTableProvider.DatasetOption, dataset.id).load()
    finally java.lang.ref.Reference.reachabilityFence(table)
  }

  /** Gives a Dataset a name that queries can use until [[unregister]]; another one's name is taken over. */
  def register(name: String, requestJson: String): Unit = RegisteredDatasets.register(name, lease(requestJson))

  /** Takes a name back; false when it was none. What was made of the Dataset can still read it. */
  def unregister(name: String): Boolean = RegisteredDatasets.unregister(name)

  /** The names of all registered Datasets, sorted. */
  def registered(): Array[String] = RegisteredDatasets.names.toArray

  private def lease(requestJson: String): RayTable = {
    val dataset = RayDataset.parse(requestJson)
    new RayTable(dataset, DatasetLease.begin(dataset.id))
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
  def releaseAll(): Unit = {
    RegisteredDatasets.clear()
    DatasetLease.endAll()
  }
}
