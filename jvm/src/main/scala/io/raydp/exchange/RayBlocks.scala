package io.raydp.exchange

import java.lang.ref.Reference

import org.apache.spark.sql.{DataFrame, SparkSession}

/** Imports Ray Datasets into Spark; Python calls it. */
object RayBlocks {

  /**
   * A DataFrame over the blocks of a Dataset. It can be used any number of times. The agents must be able to serve the
   * blocks until [[awaitReleased]] has returned the Dataset's id.
   */
  def dataFrame(spark: SparkSession, requestJson: String): DataFrame = {
    val table = leasedTable(requestJson)
    ImportedDatasets.add(table)
    try spark.read.format(RayTableProvider.ShortName).option(RayTableProvider.DatasetOption, table.dataset.id).load()
    finally Reference.reachabilityFence(table)
  }

  /** Names a Dataset for queries until [[unregister]]. Replaces the Dataset that had this name. */
  def register(name: String, requestJson: String): Unit = RegisteredDatasets.register(name, leasedTable(requestJson))

  /** Removes a name; false if it was not registered. DataFrames over the Dataset can still read it. */
  def unregister(name: String): Boolean = RegisteredDatasets.unregister(name)

  /** The names of all registered Datasets, sorted. */
  def registered(): Array[String] = RegisteredDatasets.names.toArray

  private def leasedTable(requestJson: String): RayTable = {
    val dataset = RayDataset.parse(requestJson)
    new RayTable(dataset, DatasetLease.begin(dataset.id))
  }

  /**
   * Waits until Spark releases a Dataset, because the last DataFrame, view or RDD over it was garbage collected.
   * Returns the ids of all Datasets released since the last call; none after `timeoutMillis`.
   */
  def awaitReleased(timeoutMillis: Int): Array[Long] = {
    val released = DatasetLease.awaitReleased(timeoutMillis.toLong)
    released.foreach(ImportedDatasets.remove)
    released
  }

  /** Releases every Dataset; later reads fail. */
  def releaseAll(): Unit = {
    RegisteredDatasets.clear()
    DatasetLease.endAll()
  }
}
