package io.raydp.exchange

import scala.collection.concurrent.TrieMap
import scala.jdk.CollectionConverters._

import org.apache.spark.raydp.RddInternals
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.execution.QueryExecution

/**
 * The plans of exports whose blocks Ray may request again. A plan keeps the files of its shuffles, so Spark recomputes
 * only what was lost with them.
 */
object Lineages {
  private val queries = TrieMap.empty[Long, QueryExecution]

  private[exchange] def keep(exportId: Long, query: QueryExecution): Unit = queries.update(exportId, query)

  /** Drops the plan of an export, if it is kept. */
  def forget(exportId: Long): Unit = queries.remove(exportId).foreach(_ => ())

  /**
   * Recomputes partitions of an export and sends their blocks under the id `recomputationId`. Returns where the blocks
   * are, as [[ExportJob.run]] does, in the order of `partitionsJson`.
   */
  def recompute(exportId: Long, recomputationId: Long, partitionsJson: String): String = {
    val query = queries.getOrElse(exportId, throw cannotRecompute("the export is not known", exportId))
    val context = query.sparkSession.sparkContext
    val partitions = Requests.parse(partitionsJson).elements().asScala.map(_.asInt).toVector
    val encoded = ExportIds.withTasksOf(context, recomputationId) {
      val rows = query.executedPlan.execute()
      if (RddInternals.isIndeterminate(rows)) {
        throw cannotRecompute("Spark's plan may return other rows each time it runs", exportId)
      }
      RoomForRecomputation.during(context, ExportIds.jobTag(recomputationId)) {
        context.runJob(rows, (own: Iterator[InternalRow]) => own.map(_.getBinary(0)).toArray, partitions)
      }
    }
    PartitionBlocks.toJson(encoded.toSeq.flatten.map(PartitionBlocks.decode))
  }

  private def cannotRecompute(reason: String, exportId: Long): ExchangeException = new ExchangeException(
    ExchangeErrorCode.INVALID_ARGUMENT,
    s"Spark cannot recompute blocks that were lost with a node: $reason. Convert the DataFrame again; if its rows " +
      s"are random, cache it or write it to storage first. Export: $exportId")
}
