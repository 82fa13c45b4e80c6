package io.raydp.exchange

import org.apache.spark.rdd.RDD
import org.apache.spark.sql.columnar.CachedBatch
import org.apache.spark.sql.execution.columnar.{DefaultCachedBatch, DefaultCachedBatchSerializer, InMemoryTableScanExec}
import org.apache.spark.sql.execution.vectorized.OnHeapColumnVector
import org.apache.spark.sql.types.DataType
import org.apache.spark.sql.vectorized.{ColumnarBatch, ColumnVector}

import io.raydp.exchange.columns.{CachedBytes, ColumnType, SparkVectorInternals}
import io.raydp.exchange.columns.ColumnType.CachedAs

/**
 * Reads Spark's cache by columns, which Spark itself does only for frames of nothing but numbers. Strings and nested
 * values are read in place.
 */
private[exchange] final class CachedScan private (scan: InMemoryTableScanExec) {
  private val types = scan.attributes.map(attribute => ColumnType.storageOf(attribute.dataType)).toArray
  private val ordinals =
    scan.attributes.map(attribute => scan.relation.output.indexWhere(_.exprId == attribute.exprId)).toArray
  private val rowsRead = scan.longMetric("numOutputRows")

  /** The columns, batch by batch. A batch is valid until the next one. */
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

  /** The reader of a scan, if the frame is cached in Spark's own format and every requested column can be read. */
  def of(scan: InMemoryTableScanExec): Option[CachedScan] = {
    val isDefault = scan.relation.cacheBuilder.serializer.getClass == classOf[DefaultCachedBatchSerializer]
    Option.when(isDefault && scan.attributes.forall(attribute => isReadable(attribute.dataType))) {
      new CachedScan(scan)
    }
  }

  /** Whether a cached column of this type can be read without rows. */
  private[exchange] def isReadable(dataType: DataType): Boolean = ColumnType.of(dataType).cachedAs != CachedAs.OTHER

  /** Holds the columns of the last batch that was read. */
  private final class Reader(types: Array[DataType], ordinals: Array[Int]) {
    private val readers = types.map { dataType =>
      ColumnType.of(dataType).cachedAs match {
        case CachedAs.NUMBERS => numbers(dataType)
        case CachedAs.BYTES => bytes(dataType)
        case CachedAs.OTHER => throw new IllegalStateException(s"Only Spark reads this type: ${dataType.sql}")
      }
    }
    val columns: Array[ColumnVector] = readers.map(_._1)

    def read(batch: CachedBatch): Unit = batch match {
      case DefaultCachedBatch(rows, buffers, _) =>
        readers.indices.foreach(i => readers(i)._2(buffers(ordinals(i)), rows))
      case other =>
        throw new IllegalStateException(
          s"This batch is not in the format of Spark's own cache: ${other.getClass.getName}")
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

  /** Takes a cached column of a batch and its number of rows. */
  private type ReadColumn = (Array[Byte], Int) => Unit

  private val InitialRows = 1024
}
