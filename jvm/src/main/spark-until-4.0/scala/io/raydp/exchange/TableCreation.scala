package io.raydp.exchange

import java.util.{Map => JavaMap}

import org.apache.spark.sql.connector.catalog.{Column, Identifier, Table, TableCatalog}
import org.apache.spark.sql.connector.expressions.Transform

/** Refuses `CREATE TABLE`, which reaches a catalog in parts until Spark 4.0. */
private[exchange] trait TableCreation extends TableCatalog {
  protected def unsupported(action: String, table: Identifier): UnsupportedOperationException

  override def createTable(
      table: Identifier,
      columns: Array[Column],
      partitions: Array[Transform],
      properties: JavaMap[String, String]): Table = throw unsupported("create", table)
}
