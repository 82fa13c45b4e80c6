package io.raydp.exchange

import org.apache.spark.sql.{Dataset, Row, SparkSession, classic}
import org.apache.spark.sql.execution.{QueryExecution, SQLExecution}
import org.apache.spark.sql.types.{DataType, StructType}

/** The way from Spark to Ray, as Python calls it. */
object BlockExport {

  /**
   * Accepts the schema of a DataFrame, in Spark's JSON form, or says why it cannot be converted.
   *
   * @throws UnsupportedTypeException naming the column and its type
   */
  def checkSchema(schemaJson: String): Unit =
    ColumnTypes.check(DataType.fromJson(schemaJson).asInstanceOf[StructType])

  /**
   * Runs the query of `df` and leaves its rows as blocks with the agents of the nodes that the tasks ran on; returns
   * where they are, as JSON, in the order of the partitions. Only blocks of successful task attempts are listed.
   */
  def run(df: Dataset[Row], requestJson: String): String = df match {
    case frame: classic.Dataset[Row] =>
      ColumnTypes.check(frame.schema)
      val request = ExportRequest.parse(requestJson)
      toJson(exportBlocks(request.blocks.fold(frame)(withPartitions(frame, _)), request))
    case other =>
      throw new IllegalArgumentException(
        "Only a DataFrame of a classic Spark session can be converted here, not one of Spark Connect. Class: " +
          other.getClass.getName)
  }

  /** Ends the Spark job of a conversion; its `run` throws. One that has just ended is forgotten. */
  def cancel(spark: SparkSession, conversion: Long): Unit = {
    spark.sparkContext.cancelJobsWithTag(jobTag(conversion))
    ExportLineage.forget(conversion)
  }

  private def exportBlocks(frame: classic.Dataset[Row], request: ExportRequest): Seq[PartitionBlocks] = {
    val session = frame.sparkSession
    val context = session.sparkContext
    ExportBlocks.registerIn(session)
    val query = new QueryExecution(session, ExportBlocks(frame.queryExecution.analyzed, request))
    val tag = jobTag(request.conversion)
    context.addJobTag(tag)
    try SQLExecution.withNewExecutionId(query, Some("raydp.from_spark")) {
        val partitions = query.executedPlan.executeCollect().toSeq.map(row => PartitionBlocks.decode(row.getBinary(0)))
        if (request.recoverable) ExportLineage.keep(request.conversion, query)
        partitions
      }
    finally context.removeJobTag(tag)
  }

  private def withPartitions(frame: classic.Dataset[Row], partitions: Int): classic.Dataset[Row] = {
    // Without a shuffle the number is known before anything runs, and merging partitions costs nothing.
    val plan = frame.queryExecution.executedPlan
    val known = Option.when(plan.find(_.isInstanceOf[AdaptivePlan]).isEmpty)(plan.execute().getNumPartitions)
    if (known.contains(partitions)) frame
    else if (known.exists(_ > partitions)) frame.coalesce(partitions)
    else frame.repartition(partitions)
  }

  private type AdaptivePlan = org.apache.spark.sql.execution.adaptive.AdaptiveSparkPlanExec

  private[exchange] def jobTag(conversion: Long): String = s"raydp-export-$conversion"

  private[exchange] def toJson(partitions: Seq[PartitionBlocks]): String = {
    val root = Requests.mapper.createObjectNode()
    val array = root.putArray("partitions")
    partitions.foreach { partition =>
      val blocks = array.addArray()
      partition.blocks.foreach { block =>
        blocks.addObject().put("node", partition.node).put("index", block.index)
          .put("rows", block.rows).put("bytes", block.bytes)
      }
    }
    root.toString
  }
}
