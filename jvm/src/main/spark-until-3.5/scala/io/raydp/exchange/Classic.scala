package io.raydp.exchange

import org.apache.spark.sql

/** Sessions and DataFrames whose queries run in this JVM. This Spark has no class for others in it. */
private[exchange] object Classic {
  type SparkSession = sql.SparkSession
  val SparkSession: sql.SparkSession.type = sql.SparkSession
  type DataFrame = sql.DataFrame
}
