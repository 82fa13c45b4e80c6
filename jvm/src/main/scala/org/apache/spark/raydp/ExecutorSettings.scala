package org.apache.spark.raydp

import org.apache.spark.{SparkConf, SparkException}
import org.apache.spark.resource.ResourceProfile
import org.apache.spark.scheduler.cluster.SchedulerBackendUtils
import org.apache.spark.util.Utils

/**
 * What one executor needs according to Spark's own settings.
 *
 * @param memoryMiB heap, overhead, off-heap and PySpark memory together
 * @param custom other resources by Ray's names
 */
final case class ExecutorResources(cores: Int, heapMiB: Long, memoryMiB: Long, custom: Map[String, Double])

/**
 * Reads Spark's settings about executors as Spark reads them.
 *
 * Uses `ResourceProfile.getResourcesForClusterManager`, `SchedulerBackendUtils`, `Utils.splitCommandString` and
 * `Utils.substituteAppNExecIds`, so that executors on Ray get exactly the memory, number and JVM options that they have
 * on Spark's other cluster managers. Public functions would replace them.
 */
object ExecutorSettings {

  /**
   * The resources of one executor.
   *
   * @param contextExists whether a SparkContext with these settings exists. If not, the default profile that Spark
   *   derives and keeps is dropped, because the context may get other settings
   * @return on the left, Spark's error about a setting
   */
  def resources(conf: SparkConf, contextExists: Boolean): Either[Throwable, ExecutorResources] =
    try {
      if (!contextExists) ResourceProfile.clearDefaultProfile()
      val resources = SparkVersion.executorResources(conf, Map("gpu" -> "GPU"))
      Right(ExecutorResources(
        resources.cores.getOrElse(1),
        resources.executorMemoryMiB,
        resources.totalMemMiB,
        resources.customResources.map { case (name, request) => name -> request.amount.toDouble }))
    } catch {
      case error @ (_: IllegalArgumentException | _: ArithmeticException | _: SparkException) => Left(error)
    } finally {
      if (!contextExists) ResourceProfile.clearDefaultProfile()
    }

  /** How many executors an application starts with, including the settings of dynamic allocation. */
  def initialExecutors(conf: SparkConf): Int = SchedulerBackendUtils.getInitialTargetExecutorNumber(conf)

  /** Splits the options of an executor's JVM and replaces their placeholders. */
  def javaOptions(options: String, applicationId: String, executorId: Int): Vector[String] =
    Utils.splitCommandString(Utils.substituteAppNExecIds(options, applicationId, executorId.toString)).toVector
}
