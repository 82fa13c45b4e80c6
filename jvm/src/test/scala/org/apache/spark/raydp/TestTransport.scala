package org.apache.spark.raydp

import org.apache.spark.{SecurityManager, SparkConf}

/** Connections between processes of an application without Spark. Spark keeps its security manager to its own packages. */
object TestTransport {
  def apply(settings: (String, String)*): RelayTransport = {
    val conf = new SparkConf(false).set("spark.app.id", "application").setAll(settings)
    new RelayTransport(conf, new SecurityManager(conf))
  }
}
