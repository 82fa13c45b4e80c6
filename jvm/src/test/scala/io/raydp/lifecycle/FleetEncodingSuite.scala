package io.raydp.lifecycle

import scala.util.Random

import io.raydp.process.{Encoding, ExecutorLaunch, ExecutorOutcome, ExecutorPlace}
import org.scalatest.funsuite.AnyFunSuite

final class FleetEncodingSuite extends AnyFunSuite {
  private val policy = SamplePolicies.default
  private val random = new Random(7)

  private def back[T: Encoding](value: T): T = Encoding.decode[T](Encoding.encode(value))

  test("a snapshot survives the way to the AppMaster") {
    (1L to 200L).foreach { seed =>
      val simulation = new FleetSimulation(seed, SamplePolicies.random(seed))
      (1 to 20).foreach(_ => simulation.step())
      val fleet = simulation.fleet.seeing(Vector(NodeResources("ab", "10.0.0.1", Map("CPU" -> 0.5))))
      assert(back(fleet) == fleet)
    }
  }

  test("every parameter of the policy survives, whatever its value") {
    val policies = Vector.fill(20) {
      val noise = new Array[Byte](1000)
      random.nextBytes(noise)
      Encoding.decode[FleetPolicy](noise) // numbers and switches only: any bytes are a policy
    }
    policies.foreach(policy => assert(back(policy) == policy))
    SamplePolicies.default.productElementNames.zipWithIndex.foreach { case (name, index) =>
      assert(policies.map(_.productElement(index)).distinct.size > 1, s"$name does not travel")
    }
  }

  test("long texts and other alphabets survive") {
    val failures = StartFailures(2, 7, FailureKind.StartTimeout, "журнал " * 20000, hopeless = true)
    val fleet = FleetSnapshot.initial(0, 1, None, policy).copy(failures = failures)
    assert(back(fleet) == fleet)
  }

  test("every action survives the way back") {
    val actions =
      Vector(Action.Launch(7), Action.CheckCapacity(8), Action.Fail(FailureKind.Infeasible, "x" * 100000)) ++
        KillReason.all.map(Action.Kill(3, _))
    assert(back(Decision(actions, Some(9))) == Decision(actions, Some(9)))
    assert(back(Decision(Vector.empty, None)) == Decision(Vector.empty, None))
  }

  test("the AppMaster answers nonsense with a refusal, not with an exception") {
    val error = intercept[IllegalStateException](AppMasterCall.result(AppMasterCall.answer(Array[Byte](1, 2, 3))))
    assert(error.getMessage.contains("EOFException"))
  }

  test("the AppMaster's answer to a snapshot is the decision") {
    val fleet = FleetSnapshot.initial(0, 2, None, policy)
    assert(AppMasterCall.result(AppMasterCall.answer(Encoding.encode(fleet))) == Reconciler.decide(fleet))
  }

  test("what executors say and are told survives") {
    val place = ExecutorPlace("abcd", "10.0.0.1", 42, 1000, "/tmp/log")
    assert(back(place) == place)
    val launch = ExecutorLaunch("spark://x", 3, 2, "app", 0, Map("spark.authenticate.secret" -> "s" * 70000))
    assert(back(launch) == launch)
    val outcome = ExecutorOutcome(52, byApplication = true, "out of memory")
    assert(back(outcome) == outcome)
  }
}
