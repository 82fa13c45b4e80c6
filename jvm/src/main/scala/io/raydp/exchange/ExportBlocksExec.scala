package io.raydp.exchange

import org.apache.spark.rdd.RDD
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.{Attribute, AttributeSet}
import org.apache.spark.sql.catalyst.expressions.codegen.{CodegenContext, ExprCode}
import org.apache.spark.sql.execution._
import org.apache.spark.sql.execution.columnar.InMemoryTableScanExec
import org.apache.spark.sql.execution.metric.{SQLMetric, SQLMetrics}
import org.apache.spark.sql.vectorized.ColumnarBatch

/**
 * Writes its child's rows as Arrow blocks into shared memory.
 *
 * In whole-stage code generation it writes the stage's variables straight to the columns, without a row object in
 * between. A child that Spark cannot fuse, or that is too wide, passes rows, which generated code reads as well. A
 * child with columnar batches passes those.
 *
 * @param sharedMetrics the metrics of the node that this one was copied from
 */
private[exchange] final case class ExportBlocksExec(child: SparkPlan, request: ExportRequest, output: Seq[Attribute])(
    sharedMetrics: Option[Map[String, SQLMetric]] = None)
    extends UnaryExecNode with BlockingOperatorWithCodegen {

  override lazy val metrics: Map[String, SQLMetric] = sharedMetrics.getOrElse(Map(
    ExportTask.Rows -> SQLMetrics.createMetric(sparkContext, "rows exported"),
    ExportTask.Blocks -> SQLMetrics.createMetric(sparkContext, "blocks exported"),
    ExportTask.Bytes -> SQLMetrics.createSizeMetric(sparkContext, "bytes exported"),
    ExportTask.WaitTime -> SQLMetrics.createNanoTimingMetric(sparkContext, "time waiting for the object store")))

  @transient override lazy val references: AttributeSet = child.outputSet

  // Empty, to keep Spark from moving the code for a row to a method that takes the columns as arguments. Measured with
  // strings, such calls cost more than everything else. doConsume evaluates the inputs that are not evaluated yet.
  override def usedInputs: AttributeSet = AttributeSet.empty
  override def producedAttributes: AttributeSet = outputSet

  /** The code that doProduce declares for doConsume; the child calls doConsume in between. */
  @transient private var generated: Option[ExportCode] = None

  private def taskSpec: ExportTaskSpec = ExportTaskSpec(child.schema, request, metrics)

  override def inputRDDs(): Seq[RDD[InternalRow]] = child match {
    case fused: CodegenSupport => fused.inputRDDs()
    case other => throw new IllegalStateException(s"The plan is not part of a generated stage: $other")
  }

  override protected def doProduce(ctx: CodegenContext): String = {
    val code = new ExportCode(ctx, child.output, taskSpec)
    generated = Some(code)
    val produced = child match {
      case fused: CodegenSupport => fused.produce(ctx, this)
      case other => throw new IllegalStateException(s"The plan is not part of a generated stage: $other")
    }
    code.exportAll(produced, row => consume(ctx, outputVars = null, row = row))
  }

  override def doConsume(ctx: CodegenContext, input: Seq[ExprCode], row: ExprCode): String =
    child match {
      case _: InputAdapter => generated.get.writeFrom(row.value.toString)
      case _ => evaluateVariables(input) + generated.get.writeRow(input, row)
    }

  /** The child's columnar batches, if it has any. They are copied by column, without rows in between. */
  private def columnarSource: Option[() => RDD[ColumnarBatch]] = child match {
    case WholeStageCodegenExec(ColumnarToRowExec(InputAdapter(source))) => columnsOf(source)
    case ColumnarToRowExec(source) => columnsOf(source)
    case InputAdapter(scan: InMemoryTableScanExec) => columnsOf(scan)
    case source => columnsOf(source)
  }

  /**
   * Includes cached frames. Spark itself returns their columns only if there are few and all are numbers, and it
   * allocates them again for each batch.
   */
  private def columnsOf(source: SparkPlan): Option[() => RDD[ColumnarBatch]] = {
    val cached = source match {
      case scan: InMemoryTableScanExec => CachedScan.of(scan)
      case _ => None
    }
    cached match {
      case Some(scan) => Some(() => scan.batches())
      case None => Option.when(source.supportsColumnar)(() => source.executeColumnar())
    }
  }

  override def supportCodegen: Boolean = columnarSource.isEmpty

  override protected def doExecute(): RDD[InternalRow] = columnarSource.fold(exportChild()) { batchesOf =>
    val spec = taskSpec
    batchesOf().mapPartitions(batches => Iterator.single(new ExportTask(spec).writeBatches(batches)))
  }

  private def exportChild(): RDD[InternalRow] = child match {
    case InputAdapter(rows) => exportRows(rows) // the generated code was too large or did not compile
    case rows if conf.wholeStageEnabled =>
      WholeStageCodegenExec(ExportBlocksExec(InputAdapter(rows), request, output)(Some(metrics)))(0).execute()
    case rows => exportRows(rows)
  }

  private def exportRows(rows: SparkPlan): RDD[InternalRow] = {
    val spec = taskSpec
    rows.execute().mapPartitions(partition => Iterator.single(new ExportTask(spec).writeAll(partition)))
  }

  override protected def otherCopyArgs: Seq[AnyRef] = sharedMetrics :: Nil
  override protected def withNewChildInternal(newChild: SparkPlan): ExportBlocksExec =
    copy(child = newChild)(sharedMetrics)
}
