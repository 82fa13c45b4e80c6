package io.raydp.exchange

import java.util.{Map => JavaMap}

import org.apache.spark.sql.connector.catalog.{Column, Identifier, Table, TableCatalog}
import org.apache.spark.sql.connector.expressions.Transform
import org.apache.spark.sql.types.StructType

/** Refuses `CREATE TABLE`, which reaches a catalog in parts until Spark 4.0, and with a schema only until Spark 3.5. */
private[exchange] trait TableCreation extends TableCatalog {
  protected def unsupported(action: String, table: Identifier): UnsupportedOperationException

  override def createTable(
      table: Identifier,
      columns: Array[Column],
      partitions: Array[Transform],
      properties: JavaMap[String, String]): Table = throw unsupported("create", table)

  override def createTable(
      table: Identifier,
      schema: StructType,
      partitions: Array[Transform],
      properties: JavaMap[String, String]): Table = throw unsupported("create", table)
}
