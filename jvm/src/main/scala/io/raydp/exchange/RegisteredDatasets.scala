package io.raydp.exchange

import scala.collection.concurrent.TrieMap

import org.apache.spark.sql.AnalysisException

import io.raydp.configuration.Spelling
import io.raydp.exchange.Classic.SparkSession

/** No Ray Dataset has this name. Has the error condition of any missing table, with a message of its own. */
final class UnknownDatasetException(name: String, message: String) extends AnalysisException(
      message = message,
      errorClass = Some("TABLE_OR_VIEW_NOT_FOUND"),
      messageParameters = Map("relationName" -> name))

/**
 * The Ray Datasets that queries can name. Holds the leases of their tables until they are unregistered.
 *
 * Programs that share an application through Spark Connect have names of their own. All other sessions share theirs.
 */
private[exchange] object RegisteredDatasets {

  /** Set in the sessions of a program that uses Spark Connect: the id of the program. */
  private val ProgramKey = "spark.raydp.connect.program"

  private final case class Key(program: String, name: String)

  private val tables = TrieMap.empty[Key, RayTable]

  /** Names a table. Replaces the table that had this name; queries over the old one can still read it. */
  def register(name: String, table: RayTable): Unit = tables.update(keyOf(name), table)

  /** Removes a name; false if it was not registered. */
  def unregister(name: String): Boolean = tables.remove(keyOf(name)).isDefined

  def contains(name: String): Boolean = tables.contains(keyOf(name))

  def names: Seq[String] = tables.keys.filter(_.program == program).map(_.name).toSeq.sorted

  /** Removes all names. */
  def clear(): Unit = names.foreach(unregister)

  /**
   * The table of a name.
   *
   * @throws UnknownDatasetException with the names that exist
   */
  def table(name: String): RayTable = tables.getOrElse(keyOf(name), throw unknown(name))

  private def keyOf(name: String): Key = Key(program, name)

  private def program: String = SparkSession.getActiveSession.flatMap(_.conf.getOption(ProgramKey)).getOrElse("")

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
