package org.apache.spark.raydp

import scala.jdk.CollectionConverters._
import scala.util.Try

import org.apache.spark.SparkContext
import org.apache.spark.scheduler.{Pool, TaskSetManager}
import org.apache.spark.ui.scope.RDDOperationCluster

/**
 * Uses what Spark knows of jobs and keeps to its own packages. Each use says what would replace it.
 */
object SchedulingInternals {
  private val BeforeAllJobs = -1 // they are numbered from 0

  /**
   * Serves stages before those of other jobs of their pool. Uses `TaskScheduler.rootPool`: Spark serves jobs in the
   * order of their ids, or pools by their weights. A priority of a job would replace this.
   */
  def serveFirst(context: SparkContext, stages: Set[Int]): Unit =
    Option(context.taskScheduler).foreach { scheduler => // none if the context has ended
      taskSets(scheduler.rootPool).filter(tasks => stages(tasks.stageId)).foreach(_.priority = BeforeAllJobs)
    }

  private def taskSets(pool: Pool): Iterator[TaskSetManager] = pool.schedulableQueue.asScala.iterator.flatMap {
    case nested: Pool => taskSets(nested)
    case tasks: TaskSetManager => Iterator.single(tasks)
    case _ => Iterator.empty
  }

  /**
   * The ids of the running tasks of stages that have an operator whose name begins so. Uses `SparkContext.statusStore`, which
   * the UI shows; the public status tracker has neither tasks nor operators, and a listener would stay for ever.
   */
  def tasksWithOperator(context: SparkContext, name: String): Seq[Long] = {
    val store = context.statusStore
    for {
      stage <- store.activeStages()
      graph <- Try(store.operationGraphForStage(stage.stageId)).toOption.toSeq // the store may drop old stages
      if hasOperator(graph.rootCluster, name)
      task <- store.taskList(stage.stageId, stage.attemptId, Int.MaxValue)
      if task.status == "RUNNING"
    } yield task.taskId
  }

  private def hasOperator(cluster: RDDOperationCluster, name: String): Boolean =
    cluster.name.startsWith(name) || cluster.childClusters.exists(hasOperator(_, name))
}
