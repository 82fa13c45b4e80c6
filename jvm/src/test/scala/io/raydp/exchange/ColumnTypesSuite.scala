package io.raydp.exchange

import org.apache.spark.sql.types._
import org.scalatest.funsuite.AnyFunSuite

class ColumnTypesSuite extends AnyFunSuite {

  private def refusal(schema: StructType): String =
    intercept[UnsupportedTypeException](BlockExport.checkSchema(schema.json)).getMessage

  test("every type that has a writer passes at any depth") {
    (0 until 200).foreach(seed => ColumnTypes.check(new RandomRows(seed.toLong).schema(maximumColumns = 8)))
  }

  test("an unsupported type is named with its column") {
    val interval = DayTimeIntervalType()
    assert(refusal(new StructType().add("wait", interval)).contains("Column: wait, type: INTERVAL DAY TO SECOND"))
    val nested = new StructType().add("visits", ArrayType(new StructType().add("wait", interval)))
    assert(refusal(nested).contains("Column: visits.element.wait, type: INTERVAL DAY TO SECOND"))
    assert(
      refusal(new StructType().add("m", MapType(StringType, VariantType))).contains("Column: m.value, type: VARIANT"))
  }

  test("text with a collation is refused with the way out") {
    val message = refusal(new StructType().add("name", StringType("UNICODE_CI")))
    assert(message.contains("Column: name") && message.contains("COLLATE UTF8_BINARY"))
  }

  test("columns of the same name and no columns at all are refused") {
    assert(refusal(new StructType().add("a", LongType).add("b", LongType).add("a", StringType)).contains("Names: a"))
    assert(refusal(new StructType()).contains("without columns"))
    ColumnTypes.check(new StructType().add("a", LongType).add("A", LongType))
  }
}
