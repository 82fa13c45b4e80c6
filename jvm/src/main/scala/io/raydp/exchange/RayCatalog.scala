package io.raydp.exchange

import org.apache.spark.sql.connector.catalog.{Identifier, Table, TableChange}
import org.apache.spark.sql.util.CaseInsensitiveStringMap

/**
 * SQL's catalog `ray`, whose tables are the registered Ray Datasets. Python registers them; SQL can read, list and drop
 * them.
 */
final class RayCatalog extends TableCreation {
  private var catalogName = RayTableProvider.ShortName

  override def initialize(name: String, options: CaseInsensitiveStringMap): Unit = catalogName = name
  override def name(): String = catalogName

  override def listTables(namespace: Array[String]): Array[Identifier] =
    if (namespace.nonEmpty) Array.empty
    else RegisteredDatasets.names.map(Identifier.of(Array.empty, _)).toArray

  override def tableExists(table: Identifier): Boolean =
    table.namespace.isEmpty && RegisteredDatasets.contains(table.name)

  // Not a NoSuchTableException: Spark would replace it with a message that does not list the known names.
  override def loadTable(table: Identifier): Table =
    RegisteredDatasets.table((table.namespace :+ table.name).mkString("."))

  override def dropTable(table: Identifier): Boolean =
    table.namespace.isEmpty && RegisteredDatasets.unregister(table.name)

  override def alterTable(table: Identifier, changes: TableChange*): Table = throw unsupported("change", table)
  override def renameTable(from: Identifier, to: Identifier): Unit = throw unsupported("rename", from)

  protected def unsupported(action: String, table: Identifier): UnsupportedOperationException =
    new UnsupportedOperationException(
      s"SQL cannot $action a Ray Dataset. Convert a DataFrame with raydp.from_spark and register the result with " +
        s"raydp.register(dataset, name). Table: $catalogName.${table.name}")
}
