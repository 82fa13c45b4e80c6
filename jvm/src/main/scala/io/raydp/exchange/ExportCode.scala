package io.raydp.exchange

import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.{Attribute, UnsafeRow}
import org.apache.spark.sql.catalyst.expressions.codegen.{CodeGenerator, CodegenContext, ExprCode, FalseLiteral}
import org.apache.spark.sql.types._

import io.raydp.exchange.columns._

/**
 * The Java source that writes one row. Each column's writer is a field of the generated class with its final class as
 * type, so that the JIT compiler inlines it; everything else is in the writers, where it can be read and tested.
 */
private[exchange] final class ExportCode(ctx: CodegenContext, columns: Seq[Attribute], task: ExportTask) {
  import ExportCode._

  private val partitionExport = {
    val reference = ctx.addReferenceObj("exportTask", task)
    ctx.addMutableState(classOf[PartitionExport].getName, "export", name => s"$name = $reference.open();")
  }
  private val writer =
    ctx.addMutableState(
      classOf[BlockWriter].getName,
      "writer",
      name => s"$name = $partitionExport.writer();",
      forceInline = true)
  private val columnWriters = columns.zipWithIndex.map { case (column, ordinal) =>
    val className = writerClass(column.dataType).getName
    ctx.addMutableState(
      className,
      "column",
      name => s"$name = ($className) $writer.column($ordinal);",
      forceInline = columns.size <= MaximumFields)
  }

  /** The loop that exports the partition: all rows by `produced`, then one row that says where they went. */
  def exportAll(produced: String, consume: String => String): String = {
    val done = ctx.addMutableState(CodeGenerator.JAVA_BOOLEAN, "exported")
    val name = ctx.freshName("exportRows")
    val exportRows = ctx.addNewFunction(
      name,
      s"""
         |private void $name() throws java.io.IOException {
         |  $produced
         |}
       """.stripMargin)
    val result = ctx.freshName("exportResult")
    s"""
       |if (!$done) {
       |  $done = true;
       |  $exportRows();
       |  ${classOf[UnsafeRow].getName} $result = $partitionExport.finish();
       |  ${consume(result)}
       |}
     """.stripMargin
  }

  /** Writes one row whose columns are in `input`, evaluated, or can be read from `row`. */
  def writeRow(input: Seq[ExprCode], row: ExprCode): String = {
    val index = ctx.freshName("rowIndex")
    val written = ctx.freshName("rowWritten")
    val (preparation, puts) =
      if (columns.size <= ColumnsPerMethod) ("", writeVariables(input, index))
      else (row.code.toString, writeInMethods(row.value.toString, index))
    s"""
       |$preparation
       |boolean $written = false;
       |while (!$written) {
       |  try {
       |    int $index = $writer.beginRow();
       |    $puts
       |    $writer.endRow();
       |    $written = true;
       |  } catch (${classOf[BlockFull].getName} full) {
       |    $writer.makeRoom();
       |  }
       |}
     """.stripMargin
  }

  private def writeVariables(input: Seq[ExprCode], index: String): String =
    input.indices.map { i =>
      put(i, index, input(i).isNull.toString, input(i).value.toString, nullable = input(i).isNull != FalseLiteral)
    }.mkString("\n")

  /** Methods of more than 8,000 bytecodes are never compiled, so a wide row is read back in several. */
  private def writeInMethods(row: String, index: String): String =
    columns.indices.grouped(ColumnsPerMethod).map { group =>
      val name = ctx.freshName("writeColumns")
      val puts = group.map { i =>
        put(
          i,
          "index",
          s"row.isNullAt($i)",
          CodeGenerator.getValue("row", columns(i).dataType, i.toString),
          columns(i).nullable)
      }
      val method = ctx.addNewFunction(
        name,
        s"""
           |private void $name(${classOf[InternalRow].getName} row, int index) {
           |  ${puts.mkString("\n")}
           |}
         """.stripMargin)
      s"$method($row, $index);"
    }.mkString("\n")

  private def put(ordinal: Int, index: String, isNull: String, value: String, nullable: Boolean): String = {
    val column = columnWriters(ordinal)
    val putValue = putMethod(columns(ordinal).dataType).fold(s"$column.putNull($index);")(name =>
      s"$column.$name($index, $value);")
    if (nullable) s"if ($isNull) { $column.putNull($index); } else { $putValue }" else putValue
  }
}

private[exchange] object ExportCode {

  /** So many puts, at some 30 bytecodes each, stay well below the size at which a method is not compiled. */
  private val ColumnsPerMethod = 100

  /** A class file holds 65,535 constants; columns beyond this number are kept in arrays. */
  private val MaximumFields = 2000

  private def writerClass(dataType: DataType): Class[_ <: ColumnWriter] = dataType match {
    case BooleanType => classOf[BooleanColumn]
    case _: DecimalType => classOf[DecimalColumn]
    case _: StringType | BinaryType => classOf[BytesColumn]
    case _: ArrayType => classOf[ListColumn]
    case _: MapType => classOf[MapColumn]
    case _: StructType => classOf[StructColumn]
    case NullType => classOf[NullColumn]
    case _ => classOf[FixedWidthColumn]
  }

  /** The writer's method for a value of the type; a column of type void has no values. */
  private def putMethod(dataType: DataType): Option[String] = dataType match {
    case NullType => None
    case BooleanType => Some("putBoolean")
    case ByteType => Some("putByte")
    case ShortType => Some("putShort")
    case IntegerType | DateType => Some("putInt")
    case FloatType => Some("putFloat")
    case DoubleType => Some("putDouble")
    case _: DecimalType => Some("putDecimal")
    case _: StringType => Some("putString")
    case BinaryType => Some("putBinary")
    case _: ArrayType => Some("putArray")
    case _: MapType => Some("putMap")
    case _: StructType => Some("putStruct")
    case _ => Some("putLong")
  }
}
