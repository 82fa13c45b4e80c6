package io.raydp.exchange.connect

import io.raydp.exchange.{ExchangeErrorCode, ExchangeException}
import org.scalatest.funsuite.AnyFunSuite

class AnswerSuite extends AnyFunSuite {

  test("an answer has the value") {
    assert(Answer.of("""{"a": 1}""") == """{"value":"{\"a\": 1}"}""")
  }

  test("an answer has raydp's exceptions with what wraps them, and other exceptions pass through") {
    val ours = new ExchangeException(ExchangeErrorCode.IO, "the reason")
    val answer = Answer.of(throw new RuntimeException("the job failed", ours))
    assert(
      answer == """{"causes":[{"class_name":"java.lang.RuntimeException","message":"the job failed"},""" +
        """{"class_name":"io.raydp.exchange.ExchangeException","message":"the reason"}]}""")
    val quoted = Answer.of(throw new RuntimeException("Job aborted: io.raydp.exchange.DataException: the reason"))
    assert(quoted.contains("causes"))
    assertThrows[ArithmeticException](Answer.of(throw new ArithmeticException("of Spark")))
  }

  test("causes that refer to each other end") {
    val first = new ExchangeException(ExchangeErrorCode.IO, "first")
    val second = new RuntimeException("second", first)
    first.initCause(second)
    assert(Answer.of(throw second).contains("first"))
  }
}
