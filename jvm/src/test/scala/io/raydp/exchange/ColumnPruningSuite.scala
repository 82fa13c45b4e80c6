package io.raydp.exchange

import org.apache.spark.sql.types._
import org.scalatest.funsuite.AnyFunSuite

class ColumnPruningSuite extends AnyFunSuite {
  private val schema = StructType.fromDDL(
    "n INT, s STRUCT<a: INT, b: STRUCT<c: STRING, d: INT>>, l ARRAY<STRUCT<a: INT, b: INT>>, " +
      "m MAP<STRUCT<k: INT, j: INT>, STRUCT<a: INT, b: STRING>>")

  private def pruned(required: String): StructType = ColumnPruning.pruned(schema, StructType.fromDDL(required))

  test("columns and fields that are required, in the order that they have") {
    val read = pruned("l ARRAY<STRUCT<b: INT>>, s STRUCT<b: STRUCT<d: INT>>")
    assert(read.toDDL == "s STRUCT<b: STRUCT<d: INT>>,l ARRAY<STRUCT<b: INT>>")
    assert(ColumnPruning.selection(schema, read).toSeq == Seq(1, 1, 1, 1, 0) ++ Seq(1, 0, 1, 1, 0))
  }

  test("keys and values of maps") {
    val read = pruned("m MAP<STRUCT<j: INT>, STRUCT<a: INT, b: STRING>>")
    assert(read.toDDL == "m MAP<STRUCT<j: INT>, STRUCT<a: INT, b: STRING>>")
    assert(ColumnPruning.selection(schema, read).toSeq == Seq(1, 0, 2, 0, 1, 1, 0, 1, 0))
  }

  test("nothing is said of columns that are read as they are") {
    assert(pruned(schema.toDDL) == schema)
    assert(ColumnPruning.selection(schema, schema).isEmpty)
    assert(ColumnPruning.selection(schema, pruned("n INT")).isEmpty)
    assert(ColumnPruning.selection(schema, new StructType()).isEmpty)
  }

  test("nullability and metadata are the Dataset's") {
    val metadata = new MetadataBuilder().putString("unit", "m").build()
    val inner =
      StructType(Seq(StructField("a", IntegerType, nullable = false, metadata), StructField("b", IntegerType)))
    val own = new StructType().add("s", inner, nullable = false)
    val read = ColumnPruning.pruned(own, StructType.fromDDL("s STRUCT<a: INT>"))
    assert(read == new StructType().add("s", StructType(inner.take(1)), nullable = false))
  }

  test("structs of which nothing is required, or with a name twice, are read whole") {
    val twice = StructType(Seq(StructField("a", IntegerType), StructField("a", StringType)))
    val own = new StructType().add("s", schema("s").dataType).add("t", twice)
    val required = new StructType().add("s", new StructType()).add("t", StructType(twice.take(1)))
    assert(ColumnPruning.pruned(own, required) == own)
  }
}
