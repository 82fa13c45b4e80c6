package io.raydp.exchange

import java.nio.file.{Files, Path}

import scala.jdk.CollectionConverters._
import scala.util.Using

import org.apache.spark.mllib.linalg.VectorUDT
import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.{AttributeReference, UnsafeProjection}
import org.apache.spark.sql.catalyst.expressions.codegen.{CodeAndComment, CodeGenerator, CodegenContext}
import org.apache.spark.sql.types._
import org.scalatest.funsuite.AnyFunSuite

import io.raydp.exchange.columns.{BlockWriter, ColumnType, UnsupportedTypeException}
import io.raydp.exchange.columns.ColumnType.CachedAs

/** Every type of docs/types.md, in everything that depends on a column's type. */
class ColumnTypeSuite extends AnyFunSuite {
  import ColumnTypeSuite._

  test("docs/types.md lists the types of this suite, and says which are not supported") {
    val documented = documentedTypes()
    assert(documented.collect { case (name, true) => name }.toSet == Supported.keySet)
    assert(documented.collect { case (name, false) => name }.toSet == Unsupported.keySet)
  }

  test("every row of the table is the form of a documented type") {
    val forms = Supported.values.flatten.map(ColumnType.of).toSet
    assert(forms == ColumnType.values.toSet)
    val covered = Supported.values.flatten.map(ColumnType.storageOf).toSeq
    ColumnType.values.flatMap(_.sparkTypes.asScala).foreach { sparkType =>
      assert(covered.exists(sparkType.isInstance), s"no documented type is a $sparkType")
    }
  }

  test("a Spark type is in one row only") {
    Supported.values.flatten.map(ColumnType.storageOf).foreach { dataType =>
      assert(ColumnType.values.count(_.sparkTypes.asScala.exists(_.isInstance(dataType))) == 1, dataType.sql)
    }
  }

  for ((name, types) <- Supported; dataType <- types; nested <- forms(dataType)) {
    test(s"$name: ${nested.sql} is checked, written, read and compiled") {
      val schema = new StructType().add("c", nested)
      SchemaCheck.check(schema)
      assert(writerOf(schema) == ColumnType.of(nested).writer)
      checkRoundTrip(schema)
      CodeGenerator.compile(exportingClass(schema))
      assert(CachedScan.isReadable(nested) == (ColumnType.of(nested).cachedAs != CachedAs.OTHER))
    }
  }

  for ((name, types) <- Unsupported; dataType <- types; nested <- forms(dataType)) {
    test(s"$name: ${nested.sql} is refused everywhere") {
      val schema = new StructType().add("c", nested)
      assert(refusal(SchemaCheck.check(schema)).contains("Column: c"))
      Using.resource(new MemorySink)(sink => refusal(new BlockWriter(schema, 1000L, sink)))
      refusal(exportingClass(schema))
      if (nested == dataType) {
        refusal(SegmentColumnVector.columns(schema, new NodeCursor(0L, Array.emptyLongArray, 0), 0L))
        refusal(CachedScan.isReadable(dataType))
      }
    }
  }

  private def refusal(body: => Any): String = {
    val message = intercept[UnsupportedTypeException](body).getMessage
    assert(message.matches("(?s).*[tT]ype: (GEO|TIMESTAMP).*"), message)
    message
  }

  private def writerOf(schema: StructType): Class[_] =
    Using.resource(new MemorySink)(sink => new BlockWriter(schema, 1000L, sink).column(0).getClass)

  private def checkRoundTrip(schema: StructType): Unit = Using.resource(new MemorySink) { sink =>
    val random = new RandomRows(7L)
    val rows = Seq.fill(30)(random.row(schema))
    val writer = new BlockWriter(schema, 1L << 16, sink)
    rows.foreach(row => writer.write(row))
    writer.finish()
    val projection = UnsafeProjection.create(schema)
    val expected = rows.map(projection(_).copy())
    val actual = sink.batches(schema).flatMap(batch =>
      Seq.tabulate(batch.numRows)(i => projection(batch.getRow(i)).copy()))
    assert(actual == expected)
  }

  /** The code that exports rows of a schema, as part of a class. */
  private def exportingClass(schema: StructType): CodeAndComment = {
    val context = new CodegenContext
    val columns = schema.map(field => AttributeReference(field.name, field.dataType, field.nullable)())
    val code = new ExportCode(context, columns, ExportTaskSpec(schema, Request, Map.empty))
    val writeRow = code.writeFrom("row")
    val body =
      s"""
         |public Object generate(Object[] references) { return new Exporting(references); }
         |
         |static final class Exporting {
         |  private Object[] references;
         |  ${context.declareMutableStates()}
         |
         |  Exporting(Object[] references) {
         |    this.references = references;
         |    ${context.initMutableStates()}
         |  }
         |
         |  void write(${classOf[InternalRow].getName} row) throws java.io.IOException {
         |    $writeRow
         |  }
         |
         |  ${context.declareAddedFunctions()}
         |}
       """.stripMargin
    new CodeAndComment(body, context.getPlaceHolderToComments())
  }
}

object ColumnTypeSuite {
  private val Request =
    ExportRequest(1L, AgentAddress("/nowhere", "test", Array.emptyByteArray, 1000), 1L << 20, None, keepLineage = false)

  /** Types that cross, by their name in docs/types.md. */
  private val Supported: Map[String, Seq[DataType]] = Map(
    "boolean" -> Seq(BooleanType),
    "tinyint" -> Seq(ByteType),
    "smallint" -> Seq(ShortType),
    "int" -> Seq(IntegerType),
    "bigint" -> Seq(LongType),
    "float" -> Seq(FloatType),
    "double" -> Seq(DoubleType),
    "decimal(p, s)" -> Seq(DecimalType(10, 2), DecimalType(38, 4)),
    "string" -> Seq(StringType),
    "string collate C" -> Seq(StringType("UNICODE_CI")),
    "char(n)" -> Seq(CharType(3)),
    "varchar(n)" -> Seq(VarcharType(3)),
    "binary" -> Seq(BinaryType),
    "date" -> Seq(DateType),
    "time(p)" -> Seq(TimeType(0), TimeType(6), TimeType(9)),
    "timestamp" -> Seq(TimestampType),
    "timestamp_ntz" -> Seq(TimestampNTZType),
    "interval day to second" -> Seq(DayTimeIntervalType(), DayTimeIntervalType(DayTimeIntervalType.HOUR)),
    "interval year to month" -> Seq(YearMonthIntervalType(), YearMonthIntervalType(YearMonthIntervalType.YEAR)),
    "interval" -> Seq(CalendarIntervalType),
    "array<T>" -> Seq(ArrayType(IntegerType)),
    "struct<…>" -> Seq(new StructType().add("a", IntegerType), new StructType(), new VectorUDT),
    "map<K, V>" -> Seq(MapType(StringType, IntegerType)),
    "variant" -> Seq(VariantType),
    "void" -> Seq(NullType))

  /** Types that do not cross. */
  private val Unsupported: Map[String, Seq[DataType]] = Map(
    "geometry" -> Seq(GeometryType(4326)),
    "geography" -> Seq(GeographyType(4326)),
    "timestamp(p)" -> Seq(TimestampLTZNanosType(9)),
    "timestamp_ntz(p)" -> Seq(TimestampNTZNanosType(9)))

  /** The type by itself and as a part of each nested type. */
  private def forms(dataType: DataType): Seq[DataType] = Seq(
    dataType,
    ArrayType(dataType),
    MapType(IntegerType, dataType),
    new StructType().add("f", dataType))

  /** The names of the first table of docs/types.md, and whether they cross: others have no type in Arrow. */
  private def documentedTypes(): Seq[(String, Boolean)] = {
    val lines = Files.readAllLines(Path.of("docs/types.md")).asScala.toSeq
    val table =
      lines.dropWhile(_ != "## Spark to Ray, and back").dropWhile(!_.startsWith("|")).takeWhile(_.startsWith("|"))
    val cells = table.map(_.split('|').map(_.trim)).filter(row => row(1).startsWith("`"))
    cells.flatMap(row => "`([^`]+)`".r.findAllMatchIn(row(1)).map(_.group(1) -> (row(2) != "–")))
  }
}
