package io.raydp.exchange

import java.math.{BigDecimal, BigInteger}

import scala.util.Using

import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.{GenericInternalRow, UnsafeProjection}
import org.apache.spark.sql.execution.vectorized.{OffHeapColumnVector, OnHeapColumnVector, WritableColumnVector}
import org.apache.spark.sql.types._
import org.apache.spark.sql.vectorized.{ColumnVector, ColumnarBatch}
import org.apache.spark.unsafe.types.{CalendarInterval, UTF8String}
import org.scalatest.funsuite.AnyFunSuite

import io.raydp.exchange.columns.BlockWriter

/** Writers and column vectors against each other: what was written as rows is read back as columns. */
class ColumnRoundTripSuite extends AnyFunSuite {

  /** Writes the rows, reads the blocks back and compares both in Spark's own binary row form. */
  private def roundTrip(schema: StructType, rows: Seq[InternalRow], blockBytes: Long): Seq[MemorySink.Block] =
    check(schema, rows, blockBytes)(writer => rows.foreach(row => writer.write(row)))

  /** Writes the rows, then the resulting batches once more, now by columns. */
  private def rewrite(schema: StructType, rows: Seq[InternalRow], blockBytes: Long): Seq[MemorySink.Block] =
    Using.resource(new MemorySink) { first =>
      val writer = new BlockWriter(schema, 10000L, first)
      rows.foreach(row => writer.write(row))
      writer.finish()
      check(schema, rows, blockBytes)(second => first.batches(schema).foreach(batch => second.write(batch)))
    }

  private def check(
      schema: StructType,
      rows: Seq[InternalRow],
      blockBytes: Long)(write: BlockWriter => Unit): Seq[MemorySink.Block] =
    Using.resource(new MemorySink) { sink =>
      val writer = new BlockWriter(schema, blockBytes, sink)
      write(writer)
      writer.finish()
      val expected = UnsafeProjection.create(schema)
      val actual = UnsafeProjection.create(schema)
      val read = sink.batches(schema).iterator.flatMap { batch =>
        Iterator.tabulate(batch.numRows)(i => actual(batch.getRow(i)).copy())
      }
      rows.zipWithIndex.foreach { case (row, i) =>
        assert(read.hasNext, s"rows are missing from $i on; schema ${schema.sql}")
        assert(read.next() == expected(row), s"row $i differs; schema ${schema.sql}")
      }
      assert(!read.hasNext, s"more rows than were written; schema ${schema.sql}")
      sink.blocks.toSeq
    }

  (0 until 120).grouped(40).foreach { seeds =>
    test(s"random schemas and rows come back as they were, seeds ${seeds.head} to ${seeds.last}") {
      seeds.foreach { seed =>
        val random = new RandomRows(seed.toLong)
        val schema = random.schema(maximumColumns = 6)
        val rows = Seq.fill(200)(random.row(schema))
        Seq(1L << 20, 20000L, 2000L, 100L, 1L).foreach { blockBytes =>
          withClue(s"seed $seed, block bytes $blockBytes: ")(roundTrip(schema, rows, blockBytes))
        }
      }
    }
  }

  test("rows of Spark's binary form take the same way as generic ones") {
    (0 until 50).foreach { seed =>
      val random = new RandomRows(seed.toLong)
      val schema = random.schema(maximumColumns = 6)
      val projection = UnsafeProjection.create(schema)
      val rows = Seq.fill(100)(projection(random.row(schema)).copy())
      withClue(s"seed $seed: ")(roundTrip(schema, rows, 5000L))
    }
  }

  test("batches of columns take the same way as rows") {
    (0 until 80).foreach { seed =>
      val random = new RandomRows(seed.toLong)
      val schema = random.schema(maximumColumns = 6)
      val rows = Seq.fill(150)(random.row(schema))
      Seq(1L << 20, 3000L, 100L).foreach { blockBytes =>
        withClue(s"seed $seed, block bytes $blockBytes: ")(rewrite(schema, rows, blockBytes))
      }
    }
  }

  test("the column vectors of Spark's readers take the same way as rows") {
    val schema = StructType((ColumnRoundTripSuite.Fixed :+ StringType :+ BooleanType).zipWithIndex.map {
      case (dataType, i) =>
        StructField(s"c$i", dataType, nullable = i % 2 == 0)
    })
    val random = new RandomRows(1L)
    val rows = Seq.fill(1000)(random.row(schema))
    Seq(
      OnHeapColumnVector.allocateColumns(1000, schema).toSeq,
      OffHeapColumnVector.allocateColumns(1000, schema).toSeq).foreach {
      vectors =>
        for (i <- rows.indices; (field, column) <- schema.fields.zipWithIndex) {
          ColumnRoundTripSuite.put(vectors(column), i, rows(i).get(column, field.dataType))
        }
        val batch = new ColumnarBatch(vectors.toArray[ColumnVector], rows.size)
        Seq(1L << 20, 5000L).foreach { blockBytes =>
          check(schema, rows, blockBytes)(_.write(batch))
        }
        batch.close()
    }
  }

  test("blocks end near the asked size, whichever column takes it") {
    val schema = new StructType().add("number", LongType).add("text", StringType).add("list", ArrayType(IntegerType))
    val longText = Seq.fill(20000)(row(1L, UTF8String.fromString("x" * 100), array(1)))
    val longList = Seq.fill(20000)(row(1L, UTF8String.fromString("x"), array(Seq.range(0, 30): _*)))
    Seq(
      longText,
      longList,
      longText ++ longList,
      longList.zip(longText).flatMap(pair => Seq(pair._1, pair._2))).foreach { rows =>
      val blocks = roundTrip(schema, rows, 200000L)
      assert(blocks.forall(_.touchedBytes <= 200100L))
      assert(blocks.init.forall(_.touchedBytes >= 180000L))
    }
  }

  test("a buffer without nulls is absent, whatever nulls the block before had") {
    val schema = new StructType().add("number", IntegerType)
    val rows = Seq.tabulate(1000)(i => row(if (i == 3) null else i))
    val blocks = roundTrip(schema, rows, 1000L)
    val nullCounts = blocks.map(_.nodes(1))
    val validityOffsets = blocks.map(_.nodes(3))
    assert(nullCounts.head == 1 && validityOffsets.head != -1L)
    assert(nullCounts.tail.forall(_ == 0) && validityOffsets.tail.forall(_ == -1L))
  }

  test("decimals of every precision keep their digits at both ends of the range") {
    for (precision <- 1 to 38; scale <- Seq(0, precision / 2, precision)) {
      val ends = Seq("9" * precision, "-" + "9" * precision, "-1" + "0" * (precision - 1), "0").map { digits =>
        row(Decimal(new BigDecimal(new BigInteger(digits), scale), precision, scale))
      }
      roundTrip(new StructType().add("value", DecimalType(precision, scale)), ends :+ row(null), 1000L)
    }
  }

  test("a decimal that does not fit its declared type is refused") {
    val schema = new StructType().add("price", DecimalType(4, 2))
    val failure = intercept[ArithmeticException](roundTrip(schema, Seq(row(Decimal("12345.67"))), 1000L))
    assert(failure.getMessage.contains("price") && failure.getMessage.contains("decimal(4,2)"))
  }

  test("a row larger than a block gets a block of its own") {
    val schema = new StructType().add("number", LongType).add("text", StringType)
    val sizes = Seq(10, 1000000, 10, 10, 2000000, 3000000, 0, 10)
    val blocks = roundTrip(schema, sizes.map(size => row(size.toLong, UTF8String.fromString("y" * size))), 10000L)
    assert(blocks.map(_.rows).sum == sizes.size)
    assert(blocks.count(_.touchedBytes > 900000L) == 3)
    assert(blocks.forall(_.touchedBytes < 3010000L))
  }

  test("nothing is sent for a partition without rows") {
    assert(roundTrip(new StructType().add("a", LongType), Nil, 1000L).isEmpty)
  }

  private def row(values: Any*): InternalRow = new GenericInternalRow(values.toArray)

  private def array(values: Int*): Any =
    new org.apache.spark.sql.catalyst.util.GenericArrayData(values.toArray)
}

object ColumnRoundTripSuite {
  private val Fixed: Seq[DataType] = Seq(
    ByteType,
    ByteType,
    ShortType,
    ShortType,
    IntegerType,
    IntegerType,
    LongType,
    LongType,
    FloatType,
    FloatType,
    DoubleType,
    DoubleType,
    DateType,
    TimestampType,
    TimeType(9),
    YearMonthIntervalType(),
    CalendarIntervalType,
    CalendarIntervalType,
    DecimalType(10, 2),
    DecimalType(38, 4))

  private def put(vector: WritableColumnVector, row: Int, value: Any): Unit = value match {
    case null => vector.putNull(row)
    case boolean: Boolean => vector.putBoolean(row, boolean)
    case byte: Byte => vector.putByte(row, byte)
    case short: Short => vector.putShort(row, short)
    case int: Int => vector.putInt(row, int)
    case long: Long => vector.putLong(row, long)
    case float: Float => vector.putFloat(row, float)
    case double: Double => vector.putDouble(row, double)
    case decimal: Decimal => vector.putDecimal(row, decimal, vector.dataType.asInstanceOf[DecimalType].precision)
    case interval: CalendarInterval => vector.putInterval(row, interval)
    case text: UTF8String =>
      vector.putByteArray(row, text.getBytes)
      ()
    case other => throw new IllegalArgumentException(s"No column for $other")
  }
}
