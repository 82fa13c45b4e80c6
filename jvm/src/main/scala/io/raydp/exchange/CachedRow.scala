package io.raydp.exchange

import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.{BaseGenericInternalRow, UnsafeArrayData, UnsafeMapData, UnsafeRow}
import org.apache.spark.sql.catalyst.util.{ArrayData, MapData}
import org.apache.spark.sql.types.Decimal
import org.apache.spark.sql.vectorized.ColumnVector
import org.apache.spark.unsafe.types.UTF8String

import io.raydp.exchange.columns.CachedBytes

/**
 * A row of Spark's cache that is read where it lies. Spark's own copies each row together first. What it returns is
 * only valid until the row moves on.
 *
 * @param columns those of the current batch; [[CachedBytes]] where values are bytes
 */
private[exchange] final class CachedRow(columns: Array[ColumnVector]) extends BaseGenericInternalRow {
  private val bytes: Array[CachedBytes] = columns.map {
    case column: CachedBytes => column
    case _ => null // of a column that has none, and is never asked for one
  }
  private val structs = new Array[UnsafeRow](columns.length)
  private val arrays = columns.map(_ => new UnsafeArrayData)
  private val maps = columns.map(_ => new UnsafeMapData)
  private var row = 0

  def moveTo(newRow: Int): Unit = row = newRow

  override def numFields: Int = columns.length
  override def isNullAt(ordinal: Int): Boolean = columns(ordinal).isNullAt(row)
  override def getBoolean(ordinal: Int): Boolean = columns(ordinal).getBoolean(row)
  override def getByte(ordinal: Int): Byte = columns(ordinal).getByte(row)
  override def getShort(ordinal: Int): Short = columns(ordinal).getShort(row)
  override def getInt(ordinal: Int): Int = columns(ordinal).getInt(row)
  override def getLong(ordinal: Int): Long = columns(ordinal).getLong(row)
  override def getFloat(ordinal: Int): Float = columns(ordinal).getFloat(row)
  override def getDouble(ordinal: Int): Double = columns(ordinal).getDouble(row)
  override def getUTF8String(ordinal: Int): UTF8String = bytes(ordinal).getUTF8String(row)
  override def getBinary(ordinal: Int): Array[Byte] = bytes(ordinal).getBinary(row)
  override def getDecimal(ordinal: Int, precision: Int, scale: Int): Decimal =
    bytes(ordinal).getDecimal(row, precision, scale)

  override def getStruct(ordinal: Int, fields: Int): InternalRow = {
    if (structs(ordinal) == null) structs(ordinal) = new UnsafeRow(fields)
    val column = bytes(ordinal)
    structs(ordinal).pointTo(column.base, column.offset(row), column.length(row))
    structs(ordinal)
  }

  override def getArray(ordinal: Int): ArrayData = {
    val column = bytes(ordinal)
    arrays(ordinal).pointTo(column.base, column.offset(row), column.length(row))
    arrays(ordinal)
  }

  override def getMap(ordinal: Int): MapData = {
    val column = bytes(ordinal)
    maps(ordinal).pointTo(column.base, column.offset(row), column.length(row))
    maps(ordinal)
  }

  override protected def genericGet(ordinal: Int): Any = unsupported()
  override def setNullAt(ordinal: Int): Unit = unsupported()
  override def update(ordinal: Int, value: Any): Unit = unsupported()

  private def unsupported() =
    throw new UnsupportedOperationException("A row of Spark's cache is read by the types of its columns, and only read")
}
