package org.apache.spark.raydp

import org.apache.spark.{SecurityManager, SparkConf}
import org.apache.spark.internal.config.{EXECUTOR_MEMORY_OVERHEAD_FACTOR, EXECUTOR_MIN_MEMORY_OVERHEAD}
import org.apache.spark.network.netty.SparkTransportConf
import org.apache.spark.network.util.TransportConf
import org.apache.spark.resource.ResourceProfile

/**
 * Functions of Spark that have other parameters in older versions.
 *
 * Uses `SparkTransportConf` as `ShuffleService` does, and `ResourceProfile` as `ExecutorSettings` does. Public functions
 * would replace them.
 */
private[raydp] object SparkVersion {

  /** The settings of connections for blocks, with the application's encryption. */
  def transportConf(conf: SparkConf, security: SecurityManager): TransportConf =
    SparkTransportConf.fromSparkConf(conf, "shuffle", sslOptions = Some(security.getRpcSSLOptions()))

  /** What an executor of the default profile needs. */
  def executorResources(conf: SparkConf, names: Map[String, String]): ResourceProfile.ExecutorResourcesOrDefaults =
    ResourceProfile.getResourcesForClusterManager(
      ResourceProfile.DEFAULT_RESOURCE_PROFILE_ID,
      Map.empty,
      conf.get(EXECUTOR_MIN_MEMORY_OVERHEAD),
      conf.get(EXECUTOR_MEMORY_OVERHEAD_FACTOR),
      conf,
      isPythonApp = true,
      names)
}
