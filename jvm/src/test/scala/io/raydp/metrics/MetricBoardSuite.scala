package io.raydp.metrics

import org.scalatest.funsuite.AnyFunSuite

final class MetricBoardSuite extends AnyFunSuite {
  test("the latest that each process told is taken once") {
    val board = new MetricBoard
    assert(board.takeJson() == "{}")
    board.tell("driver", Vector(MetricReading("spark_a", 1)))
    board.tell("driver", Vector(MetricReading("spark_a", 2.5), MetricReading("spark_b", 1e12)))
    assert(board.takeJson() == """{"driver":{"spark_a":2.5,"spark_b":1.0E12}}""")
    board.tell("7", Vector.empty)
    assert(board.takeJson() == """{"7":{}}""")
    assert(board.takeJson() == "{}")
  }
}
