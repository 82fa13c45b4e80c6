package io.raydp.exchange

import org.apache.spark.sql.types.{ArrayType, DataType, MapType, StructType}

/** Which columns of a Dataset, and which fields of the structs in them, a scan reads. */
private[exchange] object ColumnPruning {

  /** The Dataset's columns that are required, with the fields that are, all in the Dataset's order. */
  def pruned(schema: StructType, required: StructType): StructType = fields(schema, required)

  /**
   * What is read of each column, for the agent: in pre-order of the Arrow arrays 0 for all, or how many children are
   * read, then for each its index and what is read of it. Empty when all columns are read as they are.
   */
  def selection(schema: StructType, read: StructType): Array[Int] = {
    val numbers = read.fields.map(column => parts(schema(column.name).dataType, column.dataType))
    if (numbers.forall(_ == Whole)) Array.empty else numbers.flatten
  }

  private val Whole = Seq(0)

  private def parts(whole: DataType, read: DataType): Seq[Int] = (whole, read) match {
    case _ if whole == read => Whole
    case (whole: StructType, read: StructType) =>
      read.length +: read.fields.toSeq.flatMap { field =>
        val index = whole.fieldIndex(field.name)
        index +: parts(whole(index).dataType, field.dataType)
      }
    case (whole: ArrayType, read: ArrayType) => Seq(1, 0) ++ parts(whole.elementType, read.elementType)
    case (whole: MapType, read: MapType) => // a list of entries of both
      Seq(1, 0, 2, 0) ++ parts(whole.keyType, read.keyType) ++ (1 +: parts(whole.valueType, read.valueType))
    case _ => throw new IllegalArgumentException(s"Not a part of ${whole.simpleString}: ${read.simpleString}")
  }

  private def fields(own: StructType, required: StructType): StructType =
    StructType(own.fields.collect {
      case field if required.fieldNames.contains(field.name) =>
        field.copy(dataType = part(field.dataType, required(field.name).dataType))
    })

  private def part(own: DataType, required: DataType): DataType = (own, required) match {
    case (own: StructType, required: StructType) =>
      val kept = fields(own, required)
      // Not to be told apart by names, or nothing of it is wanted but its nulls.
      if (kept.isEmpty || own.fieldNames.distinct.length < own.length) own else kept
    case (own: ArrayType, required: ArrayType) =>
      own.copy(elementType = part(own.elementType, required.elementType))
    case (own: MapType, required: MapType) =>
      own.copy(keyType = part(own.keyType, required.keyType), valueType = part(own.valueType, required.valueType))
    case _ => own
  }
}
