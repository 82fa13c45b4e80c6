package io.raydp.lifecycle

import scala.jdk.CollectionConverters._

import io.raydp.process.{Encoding, ShuffleServiceAnswer, ShuffleServiceLaunch}
import org.scalatest.funsuite.AnyFunSuite

final class ShuffleServicesSuite extends AnyFunSuite {
  private val spec = ShuffleServiceSpec(1 << 20, Vector.empty)
  private val launch = ShuffleServiceLaunch("app", Map("spark.authenticate" -> "true"))

  private def services(cluster: SimulatedFleetEffects): ShuffleServices = {
    val made = new ShuffleServices(Some(spec), cluster, _ => ())
    Vector("a", "b", "a").foreach(made.need(_, launch))
    made
  }

  test("there is one service per host, and it says so once it listens") {
    val cluster = new SimulatedFleetEffects
    val made = services(cluster)
    assert(cluster.services.asScala.map(_.host).toVector == Vector("a", "b"))
    assert(made.settings("a").isEmpty && made.waiting("a").get.contains("1 MiB"))
    assert(made.ready(1, 7001).contains("a") && made.ready(9, 7009).isEmpty)
    assert(made.settings("a").contains(Map("spark.shuffle.service.port" -> "7001")))
    assert(made.waiting("a").isEmpty && made.settings("b").isEmpty)
  }

  test("a service ends when its host was not in use for a while") {
    val cluster = new SimulatedFleetEffects
    val made = services(cluster)
    assert(made.release(now = 0, patience = 10)(_ == "b").isEmpty)
    assert(made.release(now = 9, patience = 10)(_ == "b").isEmpty)
    assert(made.release(now = 10, patience = 10)(_ == "b") == Vector("a"))
    assert(cluster.services.asScala.map(_.killed.get).toVector == Vector(true, false))
    assert(made.release(now = 11, patience = 10)(_ => false).isEmpty, "b was in use until now")
    made.need("b", launch)
    assert(made.release(now = 21, patience = 10)(_ => false).isEmpty, "b has an executor again")
    assert(made.lost(1).isEmpty && made.lost(2).contains("b") && !made.nonEmpty)
  }

  test("what travels arrives") {
    assert(Encoding.decode[ShuffleServiceLaunch](Encoding.encode(launch)) == launch)
    assert(!launch.toString.contains("authenticate"))
    Vector(Right(7001), Left("no such class")).foreach { port =>
      val answer = Encoding.encode(ShuffleServiceAnswer(port))
      assert(Encoding.decode[ShuffleServiceAnswer](answer).port == port)
    }
  }

  test("without the wish for services there are none") {
    val cluster = new SimulatedFleetEffects
    val none = new ShuffleServices(None, cluster, _ => ())
    none.need("a", launch)
    assert(cluster.services.isEmpty && none.waiting("a").isEmpty)
  }
}
