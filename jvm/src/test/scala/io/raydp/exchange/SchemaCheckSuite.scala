package io.raydp.exchange

import org.apache.spark.sql.types._
import org.scalatest.funsuite.AnyFunSuite

import io.raydp.exchange.columns.UnsupportedTypeException

class SchemaCheckSuite extends AnyFunSuite {

  private def refusal(schema: StructType): String =
    intercept[UnsupportedTypeException](SchemaCheck.check(schema)).getMessage

  test("every type that has a writer passes at any depth") {
    (0 until 200).foreach(seed => SchemaCheck.check(new RandomRows(seed.toLong).schema(maximumColumns = 8)))
  }

  test("an unsupported type is named with its column") {
    // No column of a DataFrame has this type.
    val unknown = ObjectType(classOf[AnyRef])
    assert(refusal(new StructType().add("place", unknown)).endsWith(s"Column: place, type: ${unknown.sql}"))
    val nested = new StructType().add("visits", ArrayType(new StructType().add("place", unknown)))
    assert(refusal(nested).contains("Column: visits.element.place"))
    assert(refusal(new StructType().add("m", MapType(StringType, unknown))).contains("Column: m.value"))
  }

  test("columns of the same name and no columns at all are refused") {
    assert(refusal(new StructType().add("a", LongType).add("b", LongType).add("a", StringType)).contains("Names: a"))
    assert(refusal(new StructType()).contains("without columns"))
    SchemaCheck.check(new StructType().add("a", LongType).add("A", LongType))
  }
}
