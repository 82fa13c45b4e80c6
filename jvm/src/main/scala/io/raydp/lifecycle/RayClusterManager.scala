package io.raydp.lifecycle

import org.apache.spark.SparkConf
import org.apache.spark.raydp.{ClusterManager, ExecutorProvider}

/** Makes Spark run on Ray for the master URLs `ray` and `ray:HOST:PORT`. Spark finds it through `ServiceLoader`. */
final class RayClusterManager extends ClusterManager {
  override def canCreate(masterURL: String): Boolean = MasterUrl.isOurs(masterURL)

  override protected def providerFor(conf: SparkConf, masterUrl: String): ExecutorProvider =
    RayApplication.forContext(conf, masterUrl)
}
