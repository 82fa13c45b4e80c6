package io.raydp.exchange

import org.apache.spark.{SparkContext, TaskContext}

/** Ties Spark's jobs and tasks to the export that they run for. */
private[exchange] object ExportIds {

  /** Set for the tasks of a recomputation: the plan's generated code contains the id of the first export. */
  private val TaskProperty = "raydp.exchange.export_id"

  /** The export that a task sends its blocks for. */
  def ofTask(request: ExportRequest, context: TaskContext): Long =
    Option(context.getLocalProperty(TaskProperty)).fold(request.exportId)(_.toLong)

  private val running = new RunningExports

  /**
   * Runs `body`, which [[cancel]] can end.
   *
   * @throws ExchangeException if the export was cancelled before
   */
  def withJobTag[T](context: SparkContext, exportId: Long)(body: => T): T = running.run(exportId) {
    val tag = jobTag(exportId)
    context.addJobTag(tag)
    try body
    finally context.removeJobTag(tag)
  }

  /** As [[withJobTag]]; the tasks send their blocks under `exportId` instead of the id in their plan. */
  def withTasksOf[T](context: SparkContext, exportId: Long)(body: => T): T = withJobTag(context, exportId) {
    context.setLocalProperty(TaskProperty, exportId.toString)
    try body
    finally context.setLocalProperty(TaskProperty, null)
  }

  /** Cancels the Spark jobs of an export until it has ended. One that has not started yet never starts a job. */
  def cancel(context: SparkContext, exportId: Long): Unit =
    running.cancel(exportId)(context.cancelJobsWithTag(jobTag(exportId)))

  /** The tag of the Spark jobs of an export. */
  def jobTag(exportId: Long): String = s"raydp-export-$exportId"
}
