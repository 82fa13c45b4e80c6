package io.raydp.exchange

import java.math.{BigDecimal, BigInteger}

import scala.util.Random

import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow
import org.apache.spark.sql.catalyst.util.{ArrayBasedMapData, GenericArrayData}
import org.apache.spark.sql.types._
import org.apache.spark.unsafe.types.{CalendarInterval, UTF8String, VariantVal}

/** Random schemas of every documented type that crosses, and rows of Spark's internal values for them. */
final class RandomRows(seed: Long) {
  private val random = new Random(seed)

  def schema(maximumColumns: Int): StructType =
    StructType((0 to random.nextInt(maximumColumns)).map(i =>
      StructField(s"c$i", dataType(depth = 3), random.nextBoolean())))

  def dataType(depth: Int): DataType =
    random.nextInt(if (depth == 0) RandomRows.leaves.size else RandomRows.leaves.size + 6) match {
      case leaf if leaf < RandomRows.leaves.size =>
        RandomRows.leaves(leaf) match {
          case _: DecimalType =>
            val precision = 1 + random.nextInt(38)
            DecimalType(precision, random.nextInt(precision + 1))
          case other => other
        }
      case n if n % 3 == 0 => ArrayType(dataType(depth - 1), random.nextBoolean())
      case n if n % 3 == 1 => MapType(key(), dataType(depth - 1), random.nextBoolean())
      case _ =>
        StructType((0 to random.nextInt(3)).map(i => StructField(s"f$i", dataType(depth - 1), random.nextBoolean())))
    }

  private def key(): DataType = RandomRows.keys(random.nextInt(RandomRows.keys.size))

  def row(schema: StructType): InternalRow =
    new GenericInternalRow(schema.fields.map(field => value(field.dataType, field.nullable)))

  def value(dataType: DataType, nullable: Boolean): Any =
    if (dataType == NullType || (nullable && random.nextInt(4) == 0)) null
    else dataType match {
      case BooleanType => random.nextBoolean()
      case ByteType => random.nextInt().toByte
      case ShortType => random.nextInt().toShort
      case IntegerType | DateType => random.nextInt()
      case LongType | TimestampType | TimestampNTZType | _: DayTimeIntervalType => random.nextLong()
      case _: YearMonthIntervalType => random.nextInt()
      case _: TimeType => random.nextLong(86400000000000L)
      case CalendarIntervalType => new CalendarInterval(random.nextInt(), random.nextInt(), random.nextLong())
      case _: VariantType => new VariantVal(bytes(), bytes())
      case userDefined: UserDefinedType[_] => value(userDefined.sqlType, nullable = false)
      case FloatType => if (random.nextInt(8) == 0) Float.NaN else random.nextFloat()
      case DoubleType => if (random.nextInt(8) == 0) Double.NegativeInfinity else random.nextGaussian()
      case decimal: DecimalType => decimalValue(decimal)
      case _: StringType => UTF8String.fromString(text())
      case BinaryType => bytes()
      case ArrayType(element, containsNull) =>
        new GenericArrayData(Array.fill[Any](length())(value(element, containsNull)))
      case MapType(key, item, containsNull) =>
        val size = length()
        new ArrayBasedMapData(
          new GenericArrayData(Array.fill[Any](size)(value(key, nullable = false))),
          new GenericArrayData(Array.fill[Any](size)(value(item, containsNull))))
      case struct: StructType => row(struct)
      case other => throw new IllegalArgumentException(s"No values for $other")
    }

  private def decimalValue(decimal: DecimalType): Decimal = {
    val digits = 1 + random.nextInt(decimal.precision)
    val unscaled = new BigInteger((1 to digits).map(_ => '0' + random.nextInt(10)).map(_.toChar).mkString)
    val signed = if (random.nextBoolean()) unscaled.negate else unscaled
    Decimal(new BigDecimal(signed, decimal.scale), decimal.precision, decimal.scale)
  }

  private def length(): Int = if (random.nextInt(20) == 0) 100 else random.nextInt(4)

  private def text(): String = {
    val alphabet = Seq("a", "ß", "漢", "😀", "", " ", "\u0000")
    Seq.fill(if (random.nextInt(20) == 0) 200 else random.nextInt(12))(alphabet(random.nextInt(alphabet.size))).mkString
  }

  private def bytes(): Array[Byte] = {
    val array = new Array[Byte](random.nextInt(if (random.nextInt(20) == 0) 300 else 20))
    random.nextBytes(array)
    array
  }
}

object RandomRows {
  private val leaves: IndexedSeq[DataType] = DocumentedTypes.supported.map(_._2).filter {
    case _: ArrayType | _: MapType | _: StructType => false
    case _ => true
  }.toIndexedSeq
  private val keys: IndexedSeq[DataType] = IndexedSeq(StringType, IntegerType, LongType, BinaryType, DecimalType(30, 5))
}
