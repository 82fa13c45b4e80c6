package io.raydp.exchange

import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.catalyst.expressions.{Attribute, UnsafeRow}
import org.apache.spark.sql.catalyst.expressions.codegen.{CodeGenerator, CodegenContext, ExprCode, FalseLiteral}
import org.apache.spark.sql.catalyst.util.{ArrayData, MapData}
import org.apache.spark.sql.types._

import io.raydp.exchange.columns._

/**
 * Generates the Java source that writes one row. Each column's writer is a field of the generated class whose type is
 * the writer's final class, so the JIT compiler inlines it. Everything else is in the writers, where it can be read
 * and tested.
 */
private[exchange] final class ExportCode(ctx: CodegenContext, columns: Seq[Attribute], spec: ExportTaskSpec) {
  import ExportCode._

  private val exportTask = {
    val className = classOf[ExportTask].getName
    val reference = ctx.addReferenceObj("exportTaskSpec", spec)
    ctx.addMutableState(className, "exportTask", name => s"$name = new $className($reference);")
  }
  private val writer =
    ctx.addMutableState(
      classOf[BlockWriter].getName,
      "writer",
      name => s"$name = $exportTask.writer();",
      forceInline = true)
  private val columnWriters = columns.zipWithIndex.map { case (column, ordinal) =>
    newWriter(column.dataType, s"$writer.column($ordinal)")
  }

  /** Whether each nested type gets its own code, which the JIT compiler specializes for the types that occur there. */
  private val unfoldsNested = columns.map(column => nodeCount(column.dataType)).sum <= MaximumUnfolded

  /** Exports the partition: `produced` writes all rows, then `consume` gets one row that tells where the blocks are. */
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
       |  ${classOf[UnsafeRow].getName} $result = $exportTask.finish();
       |  ${consume(result)}
       |}
     """.stripMargin
  }

  /** Writes one row, from the evaluated variables in `input` or from `row`. */
  def writeRow(input: Seq[ExprCode], row: ExprCode): String = {
    val index = ctx.freshName("rowIndex")
    if (columns.size <= ColumnsPerMethod) written(index, input.indices.map(i => putVariable(i, index, input(i))))
    else row.code.toString + written(index, putInMethods(row.value.toString, index))
  }

  /** Writes one row that another operator created. Values become objects only if their columns need it. */
  def writeFrom(row: String): String = {
    val index = ctx.freshName("rowIndex")
    if (columns.size <= ColumnsPerMethod) written(index, columns.indices.map(i => putFromRow(i, index, row)))
    else written(index, putInMethods(row, index))
  }

  private def written(index: String, puts: Seq[String]): String = {
    val done = ctx.freshName("rowWritten")
    s"""
       |boolean $done = false;
       |while (!$done) {
       |  try {
       |    int $index = $writer.beginRow();
       |    ${puts.mkString("\n")}
       |    $writer.endRow();
       |    $done = true;
       |  } catch (${classOf[BlockFull].getName} full) {
       |    $writer.makeRoom();
       |  }
       |}
     """.stripMargin
  }

  /** The JIT compiler ignores methods of more than 8,000 bytecodes, so several methods write a wide row. */
  private def putInMethods(row: String, index: String): Seq[String] =
    columns.indices.grouped(ColumnsPerMethod).map { group =>
      val name = ctx.freshName("writeColumns")
      val method = ctx.addNewFunction(
        name,
        s"""
           |private void $name(${classOf[InternalRow].getName} row, int index) {
           |  ${group.map(putFromRow(_, "index", "row")).mkString("\n")}
           |}
         """.stripMargin)
      s"$method($row, $index);"
    }.toSeq

  private def putVariable(ordinal: Int, index: String, variable: ExprCode): String = {
    val putValue = valuePuts(ordinal)(index, variable.value.toString)
    if (variable.isNull == FalseLiteral) putValue
    else s"if (${variable.isNull}) { ${columnWriters(ordinal)}.putNull($index); } else { $putValue }"
  }

  private def putFromRow(ordinal: Int, index: String, row: String): String = {
    val column = columns(ordinal)
    putFrom(column.dataType, column.nullable, columnWriters(ordinal), valuePuts(ordinal), row, s"$ordinal", index)
  }

  /** Per column, the statement that writes a value at an index. */
  private lazy val valuePuts: Seq[(String, String) => String] =
    columns.zip(columnWriters).map { case (column, writer) => valuePut(column.dataType, writer) }

  private def valuePut(declared: DataType, column: String): (String, String) => String =
    ColumnType.storageOf(declared) match {
      case struct: StructType if unfoldsNested => putStruct(struct, column)
      case array: ArrayType if unfoldsNested => putArray(array, column)
      case map: MapType if unfoldsNested => putMap(map, column)
      case other =>
        val putMethod = Option(ColumnType.of(other).putMethod.orElse(null))
        (index, value) => putMethod.fold(s"$column.putNull($index);")(name => s"$column.$name($index, $value);")
    }

  private def putStruct(struct: StructType, column: String): (String, String) => String = {
    val puts = struct.zipWithIndex.map { case (field, i) =>
      val writer = newWriter(field.dataType, s"$column.field($i)")
      putFrom(field.dataType, field.nullable, writer, valuePut(field.dataType, writer), "source", s"$i", "index")
    }
    newMethod("putStruct", classOf[InternalRow], puts.mkString("\n"))
  }

  private def putArray(array: ArrayType, column: String): (String, String) => String = {
    val writer = newWriter(array.elementType, s"$column.element()")
    val putElements =
      newMethod("putElements", classOf[ArrayData], putEach(array.elementType, array.containsNull, writer))
    newMethod(
      "putArray",
      classOf[ArrayData],
      s"""
         |int start = $column.begin(index, source.numElements());
         |${putElements("start", "source")}
       """.stripMargin)
  }

  private def putMap(map: MapType, column: String): (String, String) => String = {
    val key = newWriter(map.keyType, s"$column.key()")
    val value = newWriter(map.valueType, s"$column.value()")
    val putKeys = newMethod("putKeys", classOf[ArrayData], putEach(map.keyType, nullable = false, key))
    val putValues = newMethod("putValues", classOf[ArrayData], putEach(map.valueType, map.valueContainsNull, value))
    newMethod(
      "putMap",
      classOf[MapData],
      s"""
         |int start = $column.begin(index, source.numElements());
         |${putKeys("start", "source.keyArray()")}
         |${putValues("start", "source.valueArray()")}
       """.stripMargin)
  }

  private def putEach(dataType: DataType, nullable: Boolean, writer: String): String = {
    val put = putFrom(dataType, nullable, writer, valuePut(dataType, writer), "source", "i", "index + i")
    s"""
       |if (!$writer.copyAll(source, index)) {
       |  for (int i = 0; i < source.numElements(); i++) {
       |    $put
       |  }
       |}
     """.stripMargin
  }

  /** Writes the value, or null, at `ordinal` of the variable `source`, a row or an array. */
  private def putFrom(
      dataType: DataType,
      nullable: Boolean,
      writer: String,
      valuePut: (String, String) => String,
      source: String,
      ordinal: String,
      index: String): String = {
    val putValue =
      // Copies the bytes without creating an object for the value.
      if (ColumnType.of(dataType).layout.kind == ArrowLayout.Kind.BYTES) s"$writer.putFrom($source, $ordinal, $index);"
      else valuePut(index, CodeGenerator.getValue(source, dataType, ordinal))
    if (nullable) s"if ($source.isNullAt($ordinal)) { $writer.putNull($index); } else { $putValue }" else putValue
  }

  /** Adds a method that writes the value `source` at `index`, and returns a call of it. */
  private def newMethod(prefix: String, source: Class[_], body: String): (String, String) => String = {
    val name = ctx.freshName(prefix)
    val method = ctx.addNewFunction(name, s"private void $name(int index, ${source.getName} source) {\n$body\n}")
    (index, value) => s"$method($index, $value);"
  }

  private def newWriter(dataType: DataType, origin: String): String = {
    val className = ColumnType.of(dataType).writer.getName
    ctx.addMutableState(
      className,
      "column",
      name => s"$name = ($className) $origin;",
      forceInline = columns.size <= MaximumFields)
  }
}

private[exchange] object ExportCode {

  /** This many puts, of some 30 bytecodes each, stay well below the size of methods that the JIT compiler ignores. */
  private val ColumnsPerMethod = 100

  /** A class file can hold 65,535 constants, so the writers of more columns than this are kept in arrays. */
  private val MaximumFields = 2000

  /** With more columns and nested parts than this, one generated class would grow too large. */
  private val MaximumUnfolded = 500

  /** The number of writers for a column of this type. */
  private def nodeCount(declared: DataType): Int = ColumnType.storageOf(declared) match {
    case StructType(fields) => 1 + fields.map(field => nodeCount(field.dataType)).sum
    case ArrayType(element, _) => 1 + nodeCount(element)
    case MapType(key, value, _) => 1 + nodeCount(key) + nodeCount(value)
    case _ => 1
  }
}
