package io.raydp.exchange

import java.io.Closeable

import scala.jdk.CollectionConverters._

import org.apache.hadoop.conf.Configuration
import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.{GenericInternalRow, UnsafeProjection}
import org.apache.spark.sql.execution.datasources.{FileFormat, PartitionedFile}
import org.apache.spark.sql.execution.datasources.orc.OrcFileFormat
import org.apache.spark.sql.execution.datasources.parquet.ParquetFileFormat
import org.apache.spark.sql.execution.vectorized.{ColumnVectorUtils, ConstantColumnVector, WritableColumnVector}
import org.apache.spark.sql.internal.SQLConf
import org.apache.spark.sql.sources.Filter
import org.apache.spark.sql.types.StructType
import org.apache.spark.sql.vectorized.{ColumnVector, ColumnarBatch}

/** Spark's reader of Parquet files, which fills in all defaults correctly. */
private[exchange] final class CorrectedParquet extends ParquetFileFormat with CorrectedReader {
  override protected def isMissing: ColumnVector => Boolean = {
    case column: WritableColumnVector => MissingColumns.includes(column)
    case _ => false
  }
}

/** Spark's reader of ORC files, which fills in all defaults correctly. */
private[exchange] final class CorrectedOrc extends OrcFileFormat with CorrectedReader {
  // Columns of the file are wrappers of ORC's own vectors.
  override protected def isMissing: ColumnVector => Boolean = _.isInstanceOf[WritableColumnVector]
}

/** Lets Spark read a missing column as nulls where it would fill in a wrong default, and replaces that vector. */
private[exchange] trait CorrectedReader extends FileFormat {

  /** Tells whether the file lacks a column that has no default. */
  protected def isMissing: ColumnVector => Boolean

  override def vectorTypes(
      requiredSchema: StructType,
      partitionSchema: StructType,
      sqlConf: SQLConf): Option[Seq[String]] =
    if (isCorrect(requiredSchema)) super.vectorTypes(requiredSchema, partitionSchema, sqlConf) else None

  override def buildReaderWithPartitionValues(
      sparkSession: SparkSession,
      dataSchema: StructType,
      partitionSchema: StructType,
      requiredSchema: StructType,
      filters: Seq[Filter],
      options: Map[String, String],
      hadoopConf: Configuration): PartitionedFile => Iterator[InternalRow] = {
    def reader(schema: StructType, readerOptions: Map[String, String]) = super.buildReaderWithPartitionValues(
      sparkSession,
      dataSchema,
      partitionSchema,
      schema,
      filters,
      readerOptions,
      hadoopConf)

    val result = StructType(requiredSchema ++ partitionSchema)
    if (isCorrect(requiredSchema) || !supportBatch(sparkSession, result)) reader(requiredSchema, options)
    else {
      val defaults = ColumnDefaults.wronglyFilled(requiredSchema)
      val read = StructType(requiredSchema.fields.zip(defaults).map { case (column, default) =>
        if (default == null) column else ColumnDefaults.without(column)
      })
      val batches = reader(read, options + (FileFormat.OPTION_RETURNING_BATCH -> "true"))
      val isAskedForRows = !options.get(FileFormat.OPTION_RETURNING_BATCH).contains("true")
      new FilledFiles(batches, result, new GenericInternalRow(defaults), isMissing, isAskedForRows)
    }
  }

  private def isCorrect(columns: StructType): Boolean = ColumnDefaults.wronglyFilled(columns).forall(_ == null)
}

/**
 * Reads files, and fills in defaults.
 *
 * @param read returns the batches of a file
 * @param schema the columns of the batches
 * @param defaults the defaults of the first columns; null where nothing is to be filled in
 */
private final class FilledFiles(
    read: PartitionedFile => Iterator[InternalRow],
    schema: StructType,
    defaults: GenericInternalRow,
    isMissing: ColumnVector => Boolean,
    isAskedForRows: Boolean)
    extends (PartitionedFile => Iterator[InternalRow])
    with Serializable {

  override def apply(file: PartitionedFile): Iterator[InternalRow] = {
    // Spark returns batches as if they were rows.
    val source = read(file)
    val batches = source.asInstanceOf[Iterator[ColumnarBatch]]
    lazy val filled = (0 until defaults.numFields).map(i => if (defaults.isNullAt(i)) None else Some(constant(i)))

    def fill(batch: ColumnarBatch): ColumnarBatch = {
      val columns = Array.tabulate(batch.numCols) { i =>
        val column = batch.column(i)
        if (i < filled.size && isMissing(column)) filled(i).getOrElse(column) else column
      }
      new ColumnarBatch(columns, batch.numRows)
    }

    val rows: Iterator[Any] =
      if (isAskedForRows) {
        val toUnsafe = UnsafeProjection.create(schema)
        batches.flatMap(batch => fill(batch).rowIterator.asScala.map(toUnsafe))
      } else batches.map(fill)
    new FilledFiles.Closing(rows, source).asInstanceOf[Iterator[InternalRow]]
  }

  private def constant(column: Int): ConstantColumnVector = {
    val vector = new ConstantColumnVector(1, schema(column).dataType)
    ColumnVectorUtils.populate(vector, defaults, column)
    vector
  }
}

private object FilledFiles {

  /** Closes the file if its task ends early. */
  private final class Closing(rows: Iterator[Any], source: AnyRef) extends Iterator[Any] with Closeable {
    override def hasNext: Boolean = rows.hasNext
    override def next(): Any = rows.next()
    override def close(): Unit = source match {
      case open: Closeable => open.close()
      case _ =>
    }
  }
}
