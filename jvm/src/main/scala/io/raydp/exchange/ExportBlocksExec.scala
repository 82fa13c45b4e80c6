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
 * Writes its child's rows as Arrow blocks into shared memory. As part of whole-stage code generation it consumes the
 * stage's variables, so that no row object comes between an expression and its column; a child that cannot be fused,
 * or is too wide for Spark to fuse, hands over rows, which generated code reads as well. A child that has its columns
 * in batches hands over those.
 *
 * @param sharedMetrics the metrics of the node that this one is a copy of
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

  // None, so that Spark does not put the writing of a row into a method of its own with the columns as arguments:
  // measured with strings, such calls cost more than all the rest. doConsume evaluates what is not evaluated yet.
  override def usedInputs: AttributeSet = AttributeSet.empty
  override def producedAttributes: AttributeSet = outputSet

  /** What doProduce declared for doConsume, which the child calls in between. */
  @transient private var generated: Option[ExportCode] = None

  private def taskSpec: ExportTaskSpec = ExportTaskSpec(child.schema, request, metrics)

  override def inputRDDs(): Seq[RDD[InternalRow]] = child match {
    case fused: CodegenSupport => fused.inputRDDs()
    case other => throw new IllegalStateException(s"Not part of a generated stage: $other")
  }

  override protected def doProduce(ctx: CodegenContext): String = {
    val code = new ExportCode(ctx, child.output, taskSpec)
    generated = Some(code)
    val produced = child match {
      case fused: CodegenSupport => fused.produce(ctx, this)
      case other => throw new IllegalStateException(s"Not part of a generated stage: $other")
    }
    code.exportAll(produced, row => consume(ctx, outputVars = null, row = row))
  }

  override def doConsume(ctx: CodegenContext, input: Seq[ExprCode], row: ExprCode): String =
    child match {
      case _: InputAdapter => generated.get.writeFrom(row.value.toString)
      case _ => evaluateVariables(input) + generated.get.writeRow(input, row)
    }

  /** The child's columns where it has them in batches: those are copied as they are, without rows in between. */
  private def columnarSource: Option[() => RDD[ColumnarBatch]] = child match {
    case WholeStageCodegenExec(ColumnarToRowExec(InputAdapter(source))) => columnsOf(source)
    case ColumnarToRowExec(source) => columnsOf(source)
    case InputAdapter(scan: InMemoryTableScanExec) => columnsOf(scan)
    case source => columnsOf(source)
  }

  /**
   * Of a cached frame too, where Spark itself makes rows unless all columns are numbers and there are few; and then its
   * reader makes new columns for each batch.
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
