package io.raydp.exchange

import org.apache.spark.sql.{Row, classic}

/** Sessions and DataFrames whose queries run in this JVM. Those of Spark Connect are of other classes. */
private[exchange] object Classic {
  type SparkSession = classic.SparkSession
  val SparkSession: classic.SparkSession.type = classic.SparkSession
  type DataFrame = classic.Dataset[Row]
}
