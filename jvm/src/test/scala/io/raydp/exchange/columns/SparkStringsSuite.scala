package io.raydp.exchange.columns

import java.util.concurrent.TimeUnit

import org.apache.spark.unsafe.types.UTF8String
import org.scalatest.funsuite.AnyFunSuite

final class SparkStringsSuite extends AnyFunSuite {
  import SparkStringsSuite._

  test("the strings of this version of Spark are created without their constructor") {
    assert(SparkStrings.hasKnownFields(classOf[UTF8String]))
  }

  test("a class with the same fields is known, whatever its enums are called") {
    assert(SparkStrings.hasKnownFields(classOf[SameFields]))
  }

  test("a field of another type is not known") {
    assert(!SparkStrings.hasKnownFields(classOf[LongSize]))
    assert(!SparkStrings.hasKnownFields(classOf[NumberedValidity]))
  }

  test("one field more or less is not known") {
    assert(!SparkStrings.hasKnownFields(classOf[OneMore]))
    assert(!SparkStrings.hasKnownFields(classOf[Object]))
  }
}

object SparkStringsSuite {
  class SameFields {
    var base: AnyRef = _
    var offset: Long = _
    var numBytes: Int = _
    var numChars: Int = _
    var isValid: TimeUnit = _
    var numBytesValid: Int = _
    var isFullAscii: TimeUnit = _
  }

  class LongSize {
    var base: AnyRef = _
    var offset: Long = _
    var numBytes: Long = _
    var numChars: Int = _
    var isValid: TimeUnit = _
    var numBytesValid: Int = _
    var isFullAscii: TimeUnit = _
  }

  class NumberedValidity {
    var base: AnyRef = _
    var offset: Long = _
    var numBytes: Int = _
    var numChars: Int = _
    var isValid: Int = _
    var numBytesValid: Int = _
    var isFullAscii: TimeUnit = _
  }

  class OneMore {
    var base: AnyRef = _
    var offset: Long = _
    var numBytes: Int = _
    var numChars: Int = _
    var isValid: TimeUnit = _
    var numBytesValid: Int = _
    var isFullAscii: TimeUnit = _
    var hash: Int = _
  }
}
