package io.raydp.exchange

import scala.jdk.CollectionConverters._
import scala.util.Using

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

  test("every row of the table is the form of a documented type") {
    assert(supported.map(ColumnType.of).toSet == ColumnType.values.toSet)
    val covered = supported.map(ColumnType.storageOf)
    ColumnType.values.flatMap(_.sparkTypes.asScala).foreach { sparkType =>
      assert(covered.exists(sparkType.isInstance), s"no documented type is a $sparkType")
    }
  }

  test("a Spark type is in one row only") {
    supported.map(ColumnType.storageOf).foreach { dataType =>
      assert(ColumnType.values.count(_.sparkTypes.asScala.exists(_.isInstance(dataType))) == 1, dataType.sql)
    }
  }

  for ((name, dataType) <- DocumentedTypes.supported; nested <- forms(dataType)) {
    test(s"$name: ${nested.sql} is checked, written, read and compiled") {
      val schema = new StructType().add("c", nested)
      SchemaCheck.check(schema)
      assert(writerOf(schema) == ColumnType.of(nested).writer)
      checkRoundTrip(schema)
      CodeGenerator.compile(exportingClass(schema))
      assert(CachedScan.isReadable(nested) == (ColumnType.of(nested).cachedAs != CachedAs.OTHER))
    }
  }

  for ((name, dataType) <- DocumentedTypes.unsupported; nested <- forms(dataType)) {
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
    assert(message.matches("(?s).*[tT]ype: [A-Z].*"), message)
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
    ExportRequest(
      1L,
      AgentAddress("/nowhere", "test", Array.emptyByteArray, SampleWaits.of(1000)),
      1L << 20,
      None,
      keepLineage = false)

  private val supported = DocumentedTypes.supported.map(_._2)

  /** The type by itself and as a part of each nested type. */
  private def forms(dataType: DataType): Seq[DataType] = Seq(
    dataType,
    ArrayType(dataType),
    MapType(IntegerType, dataType),
    new StructType().add("f", dataType))
}
