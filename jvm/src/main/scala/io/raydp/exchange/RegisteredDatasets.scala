package io.raydp.exchange

import scala.collection.concurrent.TrieMap

import org.apache.spark.sql.AnalysisException

import io.raydp.configuration.Spelling

/** No Ray Dataset is registered under a name. Has the condition of every table that is not there, and its own text. */
final class UnknownDatasetException(name: String, message: String) extends AnalysisException(
      message = message,
      errorClass = Some("TABLE_OR_VIEW_NOT_FOUND"),
      messageParameters = Map("relationName" -> name))

/** The Ray Datasets that queries can name. Holds the leases of their tables until they are unregistered. */
private[exchange] object RegisteredDatasets {
  private val tables = TrieMap.empty[String, RayTable]

  /** Gives a name to a table; another table of that name is let go, queries that were made of it read on. */
  def register(name: String, table: RayTable): Unit = tables.update(name, table)

  /** Takes a name back; false when it was none. */
  def unregister(name: String): Boolean = tables.remove(name).isDefined

  def contains(name: String): Boolean = tables.contains(name)

  def names: Seq[String] = tables.keys.toSeq.sorted

  def clear(): Unit = tables.clear()

  /**
   * The table of a name.
   *
   * @throws UnknownDatasetException says which names there are
   */
  def table(name: String): RayTable = tables.getOrElse(name, throw new UnknownDatasetException(name, unknown(name)))

  private def unknown(name: String): String = {
    val known = names
    val guess = Spelling.nearest(name, known).fold("")(nearest => s"Did you mean '$nearest'? ")
    "There is no Ray Dataset of this name: it was never registered, or unregistered meanwhile. " + guess +
      s"Register it with raydp.register(dataset, '$name'). Registered: ${known.mkString("[", ", ", "]")}, name: '$name'"
  }
}
