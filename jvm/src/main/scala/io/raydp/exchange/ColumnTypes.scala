package io.raydp.exchange

import org.apache.spark.sql.types._

/** A column's type cannot cross between Spark and Ray. */
final class UnsupportedTypeException(message: String) extends RuntimeException(message)

/** Which Spark types the exchange carries. Everything that passes has a writer and a column vector. */
private[exchange] object ColumnTypes {

  /**
   * Accepts a schema or says what is wrong with it, before any job starts.
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
        "A Ray Dataset's columns need different names, and this DataFrame has several columns of the same one. Rename " +
          s"them with withColumnRenamed or toDF. Names: ${duplicates.toSeq.sorted.mkString(", ")}")
    }
    schema.fields.foreach(field => checkType(field.name, field.dataType))
  }

  private def checkType(path: String, dataType: DataType): Unit = dataType match {
    case ArrayType(element, _) => checkType(s"$path.element", element)
    case MapType(key, value, _) =>
      checkType(s"$path.key", key)
      checkType(s"$path.value", value)
    case struct: StructType => struct.fields.foreach(field => checkType(s"$path.${field.name}", field.dataType))
    case userDefined: UserDefinedType[_] => checkType(path, userDefined.sqlType)
    case BooleanType | ByteType | ShortType | IntegerType | LongType | FloatType | DoubleType | BinaryType | DateType |
        TimestampType | TimestampNTZType | CalendarIntervalType | NullType | _: DecimalType | _: StringType |
        _: TimeType | _: DayTimeIntervalType | _: YearMonthIntervalType | _: VariantType =>
    case other =>
      throw new UnsupportedTypeException(
        s"A column's type has no counterpart in a Ray Dataset. ${advice(other)} Column: $path, type: ${other.sql}")
  }

  private def advice(dataType: DataType): String = dataType match {
    case _: GeometryType | _: GeographyType => "Convert it to well-known binary first, with ST_AsBinary(c)."
    case _ => "Cast it to a supported type, for example to STRING, or drop it."
  }
}
