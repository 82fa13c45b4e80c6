package io.raydp.exchange

import scala.collection.concurrent.TrieMap

import org.apache.spark.sql.AnalysisException

import io.raydp.configuration.Spelling

/** No Ray Dataset has this name. Has the error condition of any missing table, with a message of its own. */
final class UnknownDatasetException(name: String, message: String) extends AnalysisException(
      message = message,
      errorClass = Some("TABLE_OR_VIEW_NOT_FOUND"),
      messageParameters = Map("relationName" -> name))

/** The Ray Datasets that queries can name. Holds the leases of their tables until they are unregistered. */
private[exchange] object RegisteredDatasets {
  private val tables = TrieMap.empty[String, RayTable]

  /** Names a table. Replaces the table that had this name; queries over the old one can still read it. */
  def register(name: String, table: RayTable): Unit = tables.update(name, table)

  /** Removes a name; false if it was not registered. */
  def unregister(name: String): Boolean = tables.remove(name).isDefined

  def contains(name: String): Boolean = tables.contains(name)

  def names: Seq[String] = tables.keys.toSeq.sorted

  def clear(): Unit = tables.clear()

  /**
   * The table of a name.
   *
   * @throws UnknownDatasetException with the names that exist
   */
  def table(name: String): RayTable = tables.getOrElse(name, throw unknown(name))

  private def unknown(name: String): UnknownDatasetException = {
    val known = names
    val guess = Spelling.nearest(name, known).fold("")(nearest => s"Did you mean '$nearest'? ")
    new UnknownDatasetException(
      name,
      "No Ray Dataset has this name. It was never registered, it has been unregistered, or Spark was detached from " +
        s"Ray. $guess" +
        s"Register it with raydp.register(dataset, '$name'). Registered: ${known.mkString("[", ", ", "]")}, " +
        s"name: '$name'")
  }
}
