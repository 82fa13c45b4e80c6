package io.raydp.exchange

import scala.util.Using

import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.util.ArrayData
import org.apache.spark.sql.types._
import org.apache.spark.unsafe.Platform
import org.apache.spark.unsafe.types.UTF8String
import org.scalatest.funsuite.AnyFunSuite

import io.raydp.exchange.columns.BlockWriter

/** Replies whose buffers do not hold the rows that Spark would read from them. */
final class NodeCursorSuite extends AnyFunSuite {
  private val rows = 20

  private val columns: Seq[(DataType, Int => Any)] = Seq(
    BooleanType -> (_ % 2 == 0),
    ByteType -> (_.toByte),
    ShortType -> (_.toShort),
    IntegerType -> identity[Int],
    LongType -> (_.toLong),
    FloatType -> (_.toFloat),
    DoubleType -> (_.toDouble),
    DecimalType(20, 2) -> (i => Decimal(i.toLong, 20, 2)),
    StringType -> (i => UTF8String.fromString(s"value $i")),
    BinaryType -> (i => Array.fill(i + 1)(i.toByte)),
    ArrayType(LongType) -> (i => ArrayData.toArrayData(Array.fill(i + 1)(i.toLong))),
    new StructType().add("x", IntegerType).add("y", StringType) ->
      (i => InternalRow(i, UTF8String.fromString(s"y$i"))))

  for ((dataType, value) <- columns) {
    test(s"every buffer of ${dataType.sql} must hold its rows") {
      val schema = new StructType().add("c", dataType)
      Using.resource(new MemorySink) { sink =>
        val block = written(sink, schema, value)
        SegmentColumnVector.columns(schema, new NodeCursor(block.address, block.nodes, 0), rows.toLong)
        val buffers = present(block.nodes)
        assert(buffers.nonEmpty)
        buffers.foreach { size =>
          withClue(s"number $size of ${block.nodes.toSeq}: ")(refused(schema, block, rows.toLong, size -> -1L))
        }
      }
    }

    test(s"a column of ${dataType.sql} must have the rows of the reply") {
      val schema = new StructType().add("c", dataType)
      Using.resource(new MemorySink) { sink =>
        refused(schema, written(sink, schema, value), rows + 1L)
      }
    }
  }

  test("the last offset must lie in the data") {
    val schema = new StructType().add("c", StringType)
    Using.resource(new MemorySink) { sink =>
      val block = written(sink, schema, i => UTF8String.fromString(s"value $i"))
      val offsets = block.address + block.nodes(5)
      Platform.putInt(null, offsets + 4L * rows, Int.MaxValue)
      refused(schema, block, rows.toLong)
      Platform.putInt(null, offsets + 4L * rows, -1)
      refused(schema, block, rows.toLong)
    }
  }

  test("the elements of lists must be as many as the last offset says") {
    val schema = new StructType().add("c", ArrayType(LongType))
    Using.resource(new MemorySink) { sink =>
      val block = written(sink, schema, i => ArrayData.toArrayData(Array.fill(i + 1)(i.toLong)))
      val elements = 7 // after the list's length, nulls, buffers and two buffers
      refused(schema, block, rows.toLong, elements -> -1L)
    }
  }

  private def written(sink: MemorySink, schema: StructType, value: Int => Any): MemorySink.Block = {
    val writer = new BlockWriter(schema, 1L << 20, sink)
    (0 until rows).foreach(i => writer.write(InternalRow(value(i))))
    writer.finish()
    sink.blocks.head
  }

  /** Where the sizes of the buffers that are present and not empty are in the flattened nodes. */
  private def present(nodes: Array[Long]): Seq[Int] =
    Iterator.unfold(0) { at =>
      Option.when(at < nodes.length) {
        val buffers = nodes(at + 2).toInt
        val sizes = (0 until buffers).map(i => at + 4 + 2 * i).filter(i => nodes(i - 1) != -1 && nodes(i) > 0)
        (sizes, at + 3 + 2 * buffers)
      }
    }.flatten.toSeq

  private def refused(schema: StructType, block: MemorySink.Block, rows: Long, changes: (Int, Long)*): Unit = {
    val nodes = block.nodes.clone()
    changes.foreach { case (index, difference) => nodes(index) += difference }
    val error = intercept[ExchangeException] {
      SegmentColumnVector.columns(schema, new NodeCursor(block.address, nodes, 0), rows)
    }
    assert(error.code == ExchangeErrorCode.PROTOCOL, error)
  }
}
