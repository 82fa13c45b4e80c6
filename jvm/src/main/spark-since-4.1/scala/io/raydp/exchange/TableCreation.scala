package io.raydp.exchange

import org.apache.spark.sql.connector.catalog.{Identifier, Table, TableCatalog, TableInfo}

/** Refuses `CREATE TABLE`, which reaches a catalog as one object since Spark 4.1. */
private[exchange] trait TableCreation extends TableCatalog {
  protected def unsupported(action: String, table: Identifier): UnsupportedOperationException

  override def createTable(table: Identifier, info: TableInfo): Table = throw unsupported("create", table)
}
