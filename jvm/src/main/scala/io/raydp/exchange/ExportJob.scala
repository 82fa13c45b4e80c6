package io.raydp.exchange

import org.apache.spark.sql.{Dataset, Row, SparkSession}
import org.apache.spark.sql.execution.{QueryExecution, SQLExecution}

/** Exports a DataFrame to Ray; Python calls it. */
object ExportJob {

  /**
   * Runs the query of `df` and stores its rows as blocks with the agents of the nodes where the tasks run. Returns
   * where the blocks are, as JSON, in the order of the partitions. Lists only blocks of successful task attempts.
   */
  def run(df: Dataset[Row], requestJson: String): String = df match {
    case frame: Classic.DataFrame =>
      SchemaCheck.check(frame.schema)
      val request = ExportRequest.parse(requestJson)
      // Jobs can run before the query's own, such as the one that samples the rows of a sort.
      PartitionBlocks.toJson(ExportIds.withJobTag(frame.sparkSession.sparkContext, request.exportId) {
        exportBlocks(request.blocks.fold(frame)(withPartitions(frame, _)), request)
      })
    case other =>
      throw new IllegalArgumentException(
        "Only a DataFrame of a classic Spark session can be converted here, not one of Spark Connect. Class: " +
          other.getClass.getName)
  }

  /**
   * Cancels an export, also one whose `run` has not been called yet, and returns when its `run` has thrown. Drops the
   * lineage of an export that has just ended.
   */
  def cancel(spark: SparkSession, exportId: Long): Unit = {
    ExportIds.cancel(spark.sparkContext, exportId)
    Lineages.forget(exportId)
  }

  private def exportBlocks(frame: Classic.DataFrame, request: ExportRequest): Seq[PartitionBlocks] = {
    val session = frame.sparkSession
    ExportBlocks.registerIn(session)
    // Spark has run a command (SHOW TABLES, SET and the like) when its DataFrame was created. This plan has the result.
    val query = new QueryExecution(session, ExportBlocks(frame.queryExecution.commandExecuted, request))
    SQLExecution.withNewExecutionId(query, Some("raydp.from_spark")) {
      val partitions = query.executedPlan.executeCollect().toSeq.map(row => PartitionBlocks.decode(row.getBinary(0)))
      if (request.keepLineage) Lineages.keep(request.exportId, query)
      partitions
    }
  }

  private def withPartitions(frame: Classic.DataFrame, partitions: Int): Classic.DataFrame = {
    // Without a shuffle the number is known before anything runs, and merging partitions costs nothing.
    val plan = frame.queryExecution.executedPlan
    val known = Option.when(plan.find(_.isInstanceOf[AdaptivePlan]).isEmpty)(plan.execute().getNumPartitions)
    if (known.contains(partitions)) frame
    else if (known.exists(_ > partitions)) frame.coalesce(partitions)
    else frame.repartition(partitions)
  }

  private type AdaptivePlan = org.apache.spark.sql.execution.adaptive.AdaptiveSparkPlanExec
}
