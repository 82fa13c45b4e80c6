package io.raydp.exchange

import org.apache.spark.sql.catalyst.expressions.GenericInternalRow
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan
import org.apache.spark.sql.catalyst.rules.Rule
import org.apache.spark.sql.catalyst.util.{GenericArrayData, ResolveDefaultColumns}
import org.apache.spark.sql.execution.datasources.{FileFormat, HadoopFsRelation, LogicalRelation}
import org.apache.spark.sql.execution.datasources.orc.OrcFileFormat
import org.apache.spark.sql.execution.datasources.parquet.ParquetFileFormat
import org.apache.spark.sql.types.{Decimal, MetadataBuilder, StructField, StructType}
import org.apache.spark.unsafe.types.UTF8String

/**
 * Columns whose defaults Spark's vectorized readers fill in wrongly.
 *
 * A file that was written before a column was added has no values of it, so the reader fills in the column's default.
 * The vectorized readers append it to a vector (`WritableColumnVector.appendObjects`). In Spark 4.3 this fails for
 * binaries, variants, decimals beyond 64 bits and nulls inside nested values, and gives most rows an empty map. The
 * row-based readers are correct, but parse all defaults again for each row.
 */
private[exchange] object ColumnDefaults {
  private val Key = ResolveDefaultColumns.EXISTS_DEFAULT_COLUMN_METADATA_KEY

  /** Makes exports read tables that have defaults with corrected readers. Other queries stay as they are. */
  object Correction extends Rule[LogicalPlan] {
    override def apply(plan: LogicalPlan): LogicalPlan = plan match {
      case exported: ExportBlocks =>
        exported.transformWithSubqueries { case scan: LogicalRelation => withCorrectReader(scan) }
      case other => other
    }
  }

  private def withCorrectReader(scan: LogicalRelation): LogicalRelation = scan.relation match {
    case files: HadoopFsRelation if files.dataSchema.exists(_.metadata.contains(Key)) =>
      correctReader(files.fileFormat).fold(scan) { format =>
        // Formats of one kind are equal to Spark, which would keep the old scan. Options make the scans different.
        val options = files.options + ("raydp.columnDefaults" -> "corrected")
        scan.copy(relation = files.copy(fileFormat = format, options = options)(files.sparkSession))
      }
    case _ => scan
  }

  private def correctReader(format: FileFormat): Option[FileFormat] = format.getClass match {
    case kind if kind == classOf[ParquetFileFormat] => Some(new CorrectedParquet)
    case kind if kind == classOf[OrcFileFormat] => Some(new CorrectedOrc)
    case _ => None
  }

  /** For each column, the default that Spark would fill in wrongly, or null. */
  def wronglyFilled(columns: StructType): Array[Any] = columns.fields.map { column =>
    if (column.metadata.contains(Key)) {
      val default = ResolveDefaultColumns.getExistenceDefaultValues(StructType(Array(column))).head
      Option(default).filterNot(isAppended).orNull
    } else null
  }

  /** Whether Spark appends a default correctly. Maps and everything that is not listed count as wrong. */
  private def isAppended(value: Any): Boolean = value match {
    case decimal: Decimal => decimal.toJavaBigDecimal.unscaledValue.bitLength < java.lang.Long.SIZE
    case array: GenericArrayData => array.array.forall(isAppended)
    case struct: GenericInternalRow => struct.values.forall(isAppended)
    case _: Boolean | _: Byte | _: Short | _: Int | _: Long | _: Float | _: Double | _: UTF8String => true
    case _ => false
  }

  /** The column without its default: files that do not have it are read as nulls. */
  def without(column: StructField): StructField =
    column.copy(metadata = new MetadataBuilder().withMetadata(column.metadata).remove(Key).build())
}
