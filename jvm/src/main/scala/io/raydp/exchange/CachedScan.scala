package io.raydp.exchange

import org.apache.spark.rdd.RDD
import org.apache.spark.sql.columnar.CachedBatch
import org.apache.spark.sql.execution.columnar.{DefaultCachedBatch, DefaultCachedBatchSerializer, InMemoryTableScanExec}
import org.apache.spark.sql.execution.vectorized.OnHeapColumnVector
import org.apache.spark.sql.types._
import org.apache.spark.sql.vectorized.{ColumnarBatch, ColumnVector}

import io.raydp.exchange.columns.{CachedBytes, SparkVectorInternals}

/**
 * Reads Spark's cache by columns where Spark itself would make rows of it: a frame with anything but numbers. The bytes
 * of strings and of nested values are used where they lie.
 */
private[exchange] final class CachedScan private (scan: InMemoryTableScanExec) {
  private val types = scan.attributes.map(attribute => CachedScan.physical(attribute.dataType)).toArray
  private val ordinals =
    scan.attributes.map(wanted => scan.relation.output.indexWhere(_.exprId == wanted.exprId)).toArray
  private val rowsRead = scan.longMetric("numOutputRows")

  /** The columns, batch by batch; a batch is valid until the next. */
  def batches(): RDD[ColumnarBatch] = {
    val (columnTypes, columnOrdinals, metric) = (types, ordinals, rowsRead)
    scan.relation.cacheBuilder.cachedColumnBuffers.mapPartitions { batches =>
      val reader = new CachedScan.Reader(columnTypes, columnOrdinals)
      batches.map { batch =>
        metric += batch.numRows
        reader.read(batch)
        new ColumnarBatch(reader.columns, batch.numRows)
      }
    }
  }
}

private[exchange] object CachedScan {

  /** The reader of a scan, if Spark's own format holds the frame and every column that is wanted can be read. */
  def of(scan: InMemoryTableScanExec): Option[CachedScan] = {
    val isDefault = scan.relation.cacheBuilder.serializer.getClass == classOf[DefaultCachedBatchSerializer]
    Option.when(isDefault && scan.attributes.forall(attribute => isReadable(physical(attribute.dataType)))) {
      new CachedScan(scan)
    }
  }

  private def physical(dataType: DataType): DataType = dataType match {
    case userDefined: UserDefinedType[_] => physical(userDefined.sqlType)
    case other => other
  }

  private def isReadable(dataType: DataType): Boolean = isNumber(dataType) || CachedBytes.holds(dataType)

  private def isNumber(dataType: DataType): Boolean = dataType match {
    case BooleanType | ByteType | ShortType | IntegerType | LongType | FloatType | DoubleType => true
    case DateType | TimestampType | TimestampNTZType => true
    case _: DayTimeIntervalType | _: YearMonthIntervalType | _: TimeType => true
    case _ => false
  }

  /** The columns of the batch that was read last. */
  private final class Reader(types: Array[DataType], ordinals: Array[Int]) {
    private val readers = types.map(dataType => if (isNumber(dataType)) numbers(dataType) else bytes(dataType))
    val columns: Array[ColumnVector] = readers.map(_._1)

    def read(batch: CachedBatch): Unit = batch match {
      case DefaultCachedBatch(rows, buffers, _) =>
        readers.indices.foreach(i => readers(i)._2(buffers(ordinals(i)), rows))
      case other =>
        throw new IllegalStateException(s"Not what Spark's own cache holds: ${other.getClass.getName}")
    }

    private def bytes(dataType: DataType): (ColumnVector, ReadColumn) = {
      val column = new CachedBytes(dataType)
      (column, column.read(_, _))
    }

    private def numbers(dataType: DataType): (ColumnVector, ReadColumn) = {
      val column = new OnHeapColumnVector(InitialRows, dataType)
      val read: ReadColumn = (cached, rows) => {
        column.reset()
        column.reserve(rows)
        SparkVectorInternals.decompress(cached, column, dataType, rows)
      }
      (column, read)
    }
  }

  /** Takes a column of a batch as it is cached, and its rows. */
  private type ReadColumn = (Array[Byte], Int) => Unit

  private val InitialRows = 1024
}
