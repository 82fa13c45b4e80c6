package io.raydp.exchange

import scala.collection.concurrent.TrieMap
import scala.jdk.CollectionConverters._

import org.apache.spark.TaskContext
import org.apache.spark.raydp.SparkCoreInternals
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.execution.QueryExecution

/**
 * The plans of conversions whose blocks Ray may ask for once more. A plan keeps the files of its shuffles, so that only
 * what was lost with them is computed again.
 */
object ExportLineage {

  /** Travels with the tasks of a repetition: the plan's generated code has the number of the first run in it. */
  private val NumberProperty = "raydp.exchange.conversion"

  private val queries = TrieMap.empty[Long, QueryExecution]

  /** The number under which a task sends its blocks. */
  private[exchange] def number(request: ExportRequest, context: TaskContext): Long =
    Option(context.getLocalProperty(NumberProperty)).fold(request.conversion)(_.toLong)

  private[exchange] def keep(conversion: Long, query: QueryExecution): Unit = queries.update(conversion, query)

  /** Drops the plan of a conversion, whose blocks nobody refers to any more. */
  def forget(conversion: Long): Unit = queries.remove(conversion).foreach(_ => ())

  /**
   * Exports partitions of a conversion again, as the conversion `number`; returns where their blocks are as
   * [[BlockExport.run]] does, in the order of `partitionsJson`.
   */
  def repeat(conversion: Long, number: Long, partitionsJson: String): String = {
    val query = queries.getOrElse(conversion, throw unrepeatable("the conversion is not known", conversion))
    val context = query.sparkSession.sparkContext
    val partitions = Requests.parse(partitionsJson).elements().asScala.map(_.asInt).toVector
    val rows = query.executedPlan.execute()
    if (SparkCoreInternals.isIndeterminate(rows)) {
      throw unrepeatable("its plan gives other rows each time that it runs, by what Spark knows of it", conversion)
    }
    val tag = BlockExport.jobTag(number)
    context.addJobTag(tag)
    context.setLocalProperty(NumberProperty, number.toString)
    try {
      val encoded = context.runJob(rows, (own: Iterator[InternalRow]) => own.map(_.getBinary(0)).toArray, partitions)
      BlockExport.toJson(encoded.toSeq.flatten.map(PartitionBlocks.decode))
    } finally {
      context.setLocalProperty(NumberProperty, null)
      context.removeJobTag(tag)
    }
  }

  private def unrepeatable(why: String, conversion: Long): ExchangeException = new ExchangeException(
    ExchangeErrorCode.INVALID_ARGUMENT,
    s"Blocks that were lost with a node cannot be made again: $why. Convert the DataFrame again, cached or written to " +
      s"storage before if its rows are random. Conversion: $conversion")
}
