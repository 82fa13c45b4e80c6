package io.raydp.exchange

import java.lang.ref.WeakReference

import scala.collection.concurrent.TrieMap

/**
 * The Datasets that `raydp.to_spark` has imported, by id. Spark passes a data source nothing but options, so a read
 * names the id and finds its table here.
 */
private[exchange] object ImportedDatasets {

  // Weak, because the table holds the Dataset's lease and must be collected with the last DataFrame over it.
  private val tables = TrieMap.empty[Long, WeakReference[RayTable]]

  def add(table: RayTable): Unit = tables.update(table.dataset.id, new WeakReference(table))

  /** The table of a Dataset that a DataFrame still refers to. */
  def table(dataset: Long): Option[RayTable] = tables.get(dataset).flatMap(found => Option(found.get))

  def remove(dataset: Long): Unit = tables.remove(dataset).foreach(_ => ())
}
