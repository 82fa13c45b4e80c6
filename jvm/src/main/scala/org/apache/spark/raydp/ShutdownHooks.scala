package org.apache.spark.raydp

import org.apache.spark.util.ShutdownHookManager

/**
 * The order of what happens when a process ends.
 *
 * Uses `ShutdownHookManager`: the JVM's own hooks have no order, but Spark's close the connection to the driver. Public
 * hooks with an order would replace it.
 */
object ShutdownHooks {

  /** Runs `action` when the process ends, after its SparkContexts have stopped. */
  def afterContexts(action: () => Unit): Unit = add(-1)(action)

  /** Runs `action` when the process ends, while Spark's connections are still open. */
  def beforeSpark(action: () => Unit): Unit = add(100)(action)

  private def add(offset: Int)(action: () => Unit): Unit = {
    ShutdownHookManager.addShutdownHook(ShutdownHookManager.SPARK_CONTEXT_SHUTDOWN_PRIORITY + offset)(action)
    ()
  }
}
