package org.apache.spark.raydp

import org.apache.spark.{SecurityManager, SparkConf}
import org.apache.spark.internal.config.EXECUTOR_MEMORY_OVERHEAD_FACTOR
import org.apache.spark.network.netty.SparkTransportConf
import org.apache.spark.network.util.TransportConf
import org.apache.spark.resource.ResourceProfile

/**
 * Functions of Spark that have other parameters in newer versions.
 *
 * Uses `SparkTransportConf` as `ShuffleService` does, and `ResourceProfile` as `ExecutorSettings` does. Public functions
 * would replace them.
 */
private[raydp] object SparkVersion {

  /** The settings of connections for blocks. What encrypts them is in the other parts of a connection. */
  def transportConf(conf: SparkConf, security: SecurityManager): TransportConf =
    SparkTransportConf.fromSparkConf(conf, "shuffle")

  /** What an executor of the default profile needs; the minimum of the overhead is not a setting. */
  def executorResources(conf: SparkConf, names: Map[String, String]): ResourceProfile.ExecutorResourcesOrDefaults =
    ResourceProfile.getResourcesForClusterManager(
      ResourceProfile.DEFAULT_RESOURCE_PROFILE_ID,
      Map.empty,
      conf.get(EXECUTOR_MEMORY_OVERHEAD_FACTOR),
      conf,
      isPythonApp = true,
      names)
}
