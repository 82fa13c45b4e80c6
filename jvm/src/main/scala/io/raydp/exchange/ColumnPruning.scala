package io.raydp.exchange

import org.apache.spark.sql.types.{ArrayType, DataType, MapType, StructType}

/** Selects the columns of a Dataset, and the fields of structs in them, that a scan reads. */
private[exchange] object ColumnPruning {

  /** The required columns with their required fields, in the Dataset's order. */
  def pruned(schema: StructType, required: StructType): StructType = fields(schema, required)

  /**
   * Encodes for the agent what is read of each column. In pre-order of the Arrow arrays: 0 for the whole array, or the
   * number of children that are read followed, for each, by its index and its own encoding. Empty if every column is
   * read as a whole.
   */
  def selection(schema: StructType, read: StructType): Array[Int] = {
    val encoded = read.fields.map(column => encode(schema(column.name).dataType, column.dataType))
    if (encoded.forall(_ == Whole)) Array.empty else encoded.flatten
  }

  private val Whole = Seq(0)

  private def encode(whole: DataType, read: DataType): Seq[Int] = (whole, read) match {
    case _ if whole == read => Whole
    case (whole: StructType, read: StructType) =>
      read.length +: read.fields.toSeq.flatMap { field =>
        val index = whole.fieldIndex(field.name)
        index +: encode(whole(index).dataType, field.dataType)
      }
    case (whole: ArrayType, read: ArrayType) => Seq(1, 0) ++ encode(whole.elementType, read.elementType)
    case (whole: MapType, read: MapType) => // a list of entries, structs of key and value
      Seq(1, 0, 2, 0) ++ encode(whole.keyType, read.keyType) ++ (1 +: encode(whole.valueType, read.valueType))
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
      // Fields of the same name cannot be told apart, and a struct without fields has only its nulls.
      if (kept.isEmpty || own.fieldNames.distinct.length < own.length) own else kept
    case (own: ArrayType, required: ArrayType) =>
      own.copy(elementType = part(own.elementType, required.elementType))
    case (own: MapType, required: MapType) =>
      own.copy(keyType = part(own.keyType, required.keyType), valueType = part(own.valueType, required.valueType))
    case _ => own
  }
}
