package org.apache.spark.raydp

import org.apache.spark.SparkContext
import org.apache.spark.internal.config.DRIVER_HOST_ADDRESS

/**
 * Uses SparkContext.statusStore and SparkContext.isLocal, which Spark keeps to its own packages: the public
 * SparkStatusTracker lists executors without their ids. A public list with ids would replace it.
 */
object ExecutorList {

  /** The host of each executor that is registered now, by the executor's id. In local mode, the driver is the one. */
  def hosts(context: SparkContext): Map[String, String] =
    if (context.isLocal) Map(SparkContext.DRIVER_IDENTIFIER -> context.getConf.get(DRIVER_HOST_ADDRESS))
    else
      context.statusStore
        .executorList(activeOnly = true)
        .filter(_.id != SparkContext.DRIVER_IDENTIFIER)
        .map(executor => executor.id -> hostOf(executor.hostPort))
        .toMap

  /** The host of an address, which has no port until the executor's block manager has registered. */
  private[raydp] def hostOf(address: String): String = {
    val colon = address.lastIndexOf(':')
    if (colon > address.lastIndexOf(']')) address.take(colon) else address
  }
}
