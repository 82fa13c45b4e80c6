package io.raydp.exchange

import io.raydp.exchange.Classic.SparkSession
import org.apache.spark.sql.catalyst.expressions.{Attribute, AttributeReference, AttributeSet}
import org.apache.spark.sql.catalyst.plans.logical.{LogicalPlan, UnaryNode}
import org.apache.spark.sql.execution.{SparkPlan, SparkStrategy}
import org.apache.spark.sql.types.BinaryType

/**
 * The root of a query whose rows go to Ray. It returns one row per partition, the encoded [[PartitionBlocks]]. It is
 * part of the plan rather than a consumer of its rows, so Spark compiles its writer into the last stage.
 */
private[exchange] final case class ExportBlocks(child: LogicalPlan, request: ExportRequest, output: Seq[Attribute])
    extends UnaryNode {

  // Every column is needed, even those that no expression mentions.
  override lazy val references: AttributeSet = child.outputSet
  override def producedAttributes: AttributeSet = outputSet
  override protected def withNewChildInternal(newChild: LogicalPlan): ExportBlocks = copy(child = newChild)
}

private[exchange] object ExportBlocks {

  def apply(child: LogicalPlan, request: ExportRequest): ExportBlocks =
    ExportBlocks(child, request, Seq(AttributeReference("blocks", BinaryType, nullable = false)()))

  /**
   * Makes the session optimize and plan exports. Not an entry in `spark.sql.extensions`: those apply only to sessions
   * that start after it is set, and the session of a DataFrame may have been running before raydp.
   */
  def registerIn(session: SparkSession): Unit = session.synchronized {
    val methods = session.experimental
    if (!methods.extraStrategies.contains(Planning)) {
      methods.extraStrategies = methods.extraStrategies :+ Planning
    }
    if (!methods.extraOptimizations.contains(ColumnDefaults.Correction)) {
      methods.extraOptimizations = methods.extraOptimizations :+ ColumnDefaults.Correction
    }
  }

  private object Planning extends SparkStrategy {
    override def apply(plan: LogicalPlan): Seq[SparkPlan] = plan match {
      case ExportBlocks(child, request, output) => ExportBlocksExec(planLater(child), request, output)() :: Nil
      case _ => Nil
    }
  }
}
