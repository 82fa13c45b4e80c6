package org.apache.spark.raydp

import org.apache.spark.{SparkConf, SparkContext}
import org.apache.spark.scheduler.{ExternalClusterManager, SchedulerBackend, TaskScheduler, TaskSchedulerImpl}

/**
 * A cluster manager whose executors come from an [[ExecutorProvider]].
 *
 * Uses `ExternalClusterManager` and `TaskSchedulerImpl`, the only way to add a cluster manager to Spark; a public cluster
 * manager API would replace them.
 */
abstract class ClusterManager extends ExternalClusterManager {

  /** The provider for a SparkContext that is being created. */
  protected def providerFor(conf: SparkConf, masterUrl: String): ExecutorProvider

  final override def createTaskScheduler(sc: SparkContext, masterURL: String): TaskScheduler = new RayTaskScheduler(sc)

  final override def createSchedulerBackend(
      sc: SparkContext,
      masterURL: String,
      scheduler: TaskScheduler): SchedulerBackend =
    new RaySchedulerBackend(scheduler.asInstanceOf[TaskSchedulerImpl], sc, providerFor(sc.conf, masterURL))

  final override def initialize(scheduler: TaskScheduler, backend: SchedulerBackend): Unit =
    scheduler.asInstanceOf[TaskSchedulerImpl].initialize(backend)
}
