package io.raydp.exchange

import org.apache.spark.sql.types._

import io.raydp.exchange.columns.{ColumnType, UnsupportedTypeException}

/** Checks whether a schema can cross from Spark to Ray. [[ColumnType]] has the types that can. */
private[exchange] object SchemaCheck {

  /**
   * Accepts a schema, or explains what is wrong with it, before any job starts.
   *
   * @throws UnsupportedTypeException naming the column's path and type
   */
  def check(schema: StructType): Unit = {
    if (schema.isEmpty) {
      throw new UnsupportedTypeException(
        "A DataFrame without columns cannot become a Ray Dataset: its blocks would have no rows to count. Select at " +
          "least one column.")
    }
    val duplicates = schema.fieldNames.groupBy(identity).collect { case (name, names) if names.length > 1 => name }
    if (duplicates.nonEmpty) {
      throw new UnsupportedTypeException(
        "The columns of a Ray Dataset need unique names, but several columns of this DataFrame have the same name. " +
          s"Rename them with withColumnRenamed or toDF. Names: ${duplicates.toSeq.sorted.mkString(", ")}")
    }
    schema.fields.foreach(field => checkType(field.name, field.dataType))
  }

  private def checkType(path: String, declared: DataType): Unit = {
    val dataType = ColumnType.storageOf(declared)
    if (ColumnType.find(dataType).isEmpty) {
      throw new UnsupportedTypeException(
        "A column's type has no counterpart in a Ray Dataset. Cast it to a supported type, for example to STRING, or " +
          s"drop it. Column: $path, type: ${dataType.sql}")
    }
    parts(dataType).foreach { case (name, part) => checkType(s"$path.$name", part) }
  }

  /** The types that a nested type consists of, by name. */
  private def parts(dataType: DataType): Seq[(String, DataType)] = dataType match {
    case ArrayType(element, _) => Seq("element" -> element)
    case MapType(key, value, _) => Seq("key" -> key, "value" -> value)
    case struct: StructType => struct.fields.toSeq.map(field => field.name -> field.dataType)
    case _ => Nil
  }
}
