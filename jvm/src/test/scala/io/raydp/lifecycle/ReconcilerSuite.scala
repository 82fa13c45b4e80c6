package io.raydp.lifecycle

import io.raydp.process.Encoding
import org.scalatest.funsuite.AnyFunSuite

final class ReconcilerSuite extends AnyFunSuite {
  import Action.{Fail, Kill, Launch}
  import ExecutorPhase._

  private val policy = SamplePolicies.default.copy(maxConsecutiveFailures = 3)
  private val demand = Map("CPU" -> 2.0, "memory" -> 1.0 * (1L << 30))
  private val small =
    NodeResources("ab", "10.0.0.1", Map("CPU" -> 1.0, "memory" -> 8.0 * (1L << 30), "node:10.0.0.1" -> 1.0))
  private val large = NodeResources("cd", "10.0.0.2", Map("CPU" -> 4.0, "memory" -> 8.0 * (1L << 30)))

  private def fresh(desired: Int): FleetSnapshot = FleetSnapshot.initial(1000, desired, Some(demand), policy)
  private def perform(fleet: FleetSnapshot): FleetSnapshot =
    Reconciler.decide(fleet).actions.foldLeft(fleet) {
      case (state, Launch(_)) => state.launched
      case (state, Kill(id, _)) => state.lost(id, Loss.Intended, 0)
      case (state, _: Fail | _: Action.CheckCapacity) => state
    }

  test("what is missing is launched with new ids") {
    assert(Reconciler.decide(fresh(3)).actions == Vector(Launch(1), Launch(2), Launch(3)))
    assert(Reconciler.decide(perform(fresh(3))).actions.isEmpty)
  }

  test("a lost executor is replaced at once, by another id") {
    val fleet = perform(fresh(2)).processStarted(1).registered(1).processStarted(2).registered(2)
    assert(Reconciler.decide(fleet.lost(1, Loss.Unexplained("killed"), 5)).actions == Vector(Launch(3)))
  }

  test("an AppMaster that knows nothing but the snapshot doubles nothing") {
    val fleet = perform(fresh(4)).processStarted(1).registered(1)
    val replaced = Encoding.decode[FleetSnapshot](Encoding.encode(fleet))
    assert(Reconciler.decide(replaced).actions.isEmpty)
  }

  test("scale-down withdraws requests first, then executors that start, and never ends one that works") {
    val fleet = perform(fresh(4)).processStarted(1).registered(1).processStarted(2).desiring(2)
    assert(Reconciler.decide(fleet).actions == Vector(Kill(4, KillReason.Surplus), Kill(3, KillReason.Surplus)))
    assert(Reconciler.decide(fleet.desiring(1)).actions.size == 3)
    assert(Reconciler.decide(fleet.desiring(0)).actions.collect { case Kill(id, _) => id }.toSet == Set(2, 3, 4))
  }

  test("an executor that must leave is killed when its grace is over, and replaced before that") {
    val fleet = perform(fresh(1)).processStarted(1).registered(1).mustLeave(1, intended = true)
    assert(Reconciler.decide(fleet).actions == Vector(Launch(2)))
    assert(Reconciler.decide(fleet.launched).wakeAt.contains(1000 + policy.killGrace))
    assert(Reconciler.decide(fleet.launched.at(1000 + policy.killGrace)).actions == Vector(Kill(1, KillReason.Overdue)))
  }

  test("an executor that may finish its tasks is replaced at once, and ended only when its connection is gone") {
    val fleet = perform(fresh(1)).processStarted(1).registered(1).leaving(1)
    assert(Reconciler.decide(fleet).actions == Vector(Launch(2)))
    val much = fleet.launched.processStarted(2).registered(2).at(1000 * 3600 * 24)
    assert(Reconciler.decide(much) == Decision(Vector.empty, None))
    val cut = much.mustLeave(1, intended = false)
    assert(cut.executors.head.departure.exists(_.intended), "its end is no loss")
    assert(Reconciler.decide(cut.at(cut.now + policy.killGrace)).actions == Vector(Kill(1, KillReason.Overdue)))
  }

  test("failed starts are tried again with growing pauses, then the application fails with the last one's log") {
    val one = perform(fresh(1)).lost(1, Loss.Explained("first"), 0)
    assert(Reconciler.decide(one).actions == Vector(Launch(2)))
    val two = one.launched.lost(2, Loss.Explained("second"), 0)
    assert(Reconciler.decide(two) == Decision(Vector.empty, Some(1000 + policy.backOffBase)))
    assert(Reconciler.decide(two.at(1000 + policy.backOffBase)).actions == Vector(Launch(3)))
    val three = two.launched.lost(3, Loss.TimedOut("third\nlog"), 0)
    Reconciler.decide(three).actions match {
      case Vector(Fail(kind, message)) =>
        assert(kind == FailureKind.StartTimeout)
        assert(message.contains("3 in a row") && message.endsWith("third\nlog"))
      case other => fail(s"expected a failure, got $other")
    }
  }

  test("failed starts do not end an application in which an executor works") {
    val fleet = (1 to 5).foldLeft(perform(fresh(2)).processStarted(1).registered(1)) { (state, _) =>
      state.lost(state.executors.last.id, Loss.Explained("no"), 0).launched
    }
    assert(!Reconciler.decide(fleet).actions.exists(_.isInstanceOf[Fail]))
  }

  test("a registration ends the count of failed starts") {
    val fleet = perform(fresh(2)).lost(2, Loss.Explained("no"), 0)
    assert(fleet.failures.count == 1)
    assert(fleet.processStarted(1).registered(1).failures == StartFailures.none)
  }

  test("an executor that does not register in time is given up") {
    val fleet = perform(fresh(1)).processStarted(1)
    assert(Reconciler.decide(fleet).wakeAt.contains(1000 + policy.startTimeout))
    assert(Reconciler.decide(fleet.at(1000 + policy.startTimeout)).actions == Vector(Kill(1, KillReason.NotRegistered)))
  }

  test("a request that waits long is looked into, one at a time") {
    val fleet = perform(fresh(2)).seeing(Vector(small, large))
    assert(Reconciler.decide(fleet) == Decision(Vector.empty, Some(1000 + policy.startTimeout)))
    val late = fleet.at(1000 + policy.startTimeout)
    assert(Reconciler.decide(late).actions == Vector(Action.CheckCapacity(1)))
    val probing = late.lost(1, Loss.Intended, 0).checkingCapacity
    assert(Reconciler.decide(probing).actions.isEmpty)
    val answered = probing.capacityChecked(None)
    assert(Reconciler.decide(answered) == Decision(Vector(Launch(3)), Some(late.now + policy.startTimeout)))
    assert(Reconciler.decide(answered.launched.at(late.now + policy.startTimeout)).actions == Vector(
      Action.CheckCapacity(2)))
  }

  test("room without a process ends the application when it is found twice in a row, unless an executor works") {
    def checked(fleet: FleetSnapshot): FleetSnapshot = {
      val late = fleet.at(fleet.now + policy.startTimeout)
      val ids = Reconciler.decide(late).actions.collect { case Action.CheckCapacity(id) => id }
      assert(ids.size == 1)
      late.lost(ids.head, Loss.Intended, 0).checkingCapacity
    }
    val fault = Some("no process")
    val once = checked(perform(fresh(1))).capacityChecked(fault)
    assert(Reconciler.decide(once).actions == Vector(Launch(2)), "the room may have become free just before")
    Reconciler.decide(checked(perform(once)).capacityChecked(fault)).actions match {
      case Vector(Fail(FailureKind.StartTimeout, message)) => assert(message.endsWith("no process"))
      case other => fail(s"expected a failure, got $other")
    }
    val busy = checked(perform(checked(perform(once)).capacityChecked(None))).capacityChecked(fault)
    assert(Reconciler.decide(busy).actions == Vector(Launch(4)), "the cluster was busy in between")
    val started = perform(once).processStarted(2).lost(2, Loss.Unexplained("killed"), 0)
    assert(!Reconciler.decide(checked(perform(started)).capacityChecked(fault)).actions.exists(_.isInstanceOf[Fail]))
    val working = perform(fresh(2)).processStarted(2).registered(2)
    val without = checked(perform(checked(working).capacityChecked(fault))).capacityChecked(fault)
    assert(!Reconciler.decide(without).actions.exists(_.isInstanceOf[Fail]))
  }

  test("Ray gets the full time to start a process on a node that has just joined") {
    val waited = perform(fresh(1)).seeing(Vector(small)).growing(1800000, "it adds nodes").at(1000000)
    val joined = waited.seeing(Vector(small, large))
    assert(Reconciler.decide(joined) == Decision(Vector.empty, Some(1000000 + policy.startTimeout)))
    assert(Reconciler.decide(joined.at(1000001).seeing(Vector(small, large))) == Reconciler.decide(joined))
  }

  test("in a reserved place a request that waits long is a failure") {
    val fleet = FleetSnapshot.initial(1000, 1, None, policy).launched.at(1000 + policy.startTimeout)
    assert(Reconciler.decide(fleet).actions == Vector(Kill(1, KillReason.NoProcess)))
    assert(fleet.lost(1, Loss.NoProcess("no process"), 0).failures.hopeless)
  }

  test("executors wait for a placement group that lost nodes, and fail if it is not reserved again in time") {
    val lost = FleetSnapshot.initial(1000, 1, None, policy).launched.seeingGroup(isReserved = false)
    assert(failsAt(lost).contains(1000 + policy.infeasibleTimeout))
    Reconciler.decide(lost.at(1000 + policy.infeasibleTimeout)).actions match {
      case Vector(Fail(FailureKind.Infeasible, message)) => assert(message.contains("the placement group"))
      case other => fail(s"expected a failure, got $other")
    }
    val patient = lost.growing(1800000, "it adds nodes").at(1000 + 3 * policy.startTimeout)
    assert(Reconciler.decide(patient).actions.isEmpty, "no process can start without a bundle")
    val again = patient.seeingGroup(isReserved = true)
    assert(Reconciler.decide(again) == Decision(Vector.empty, Some(again.now + policy.startTimeout)))
  }

  test("a demand that no node could hold fails after a while, naming the demand and each node") {
    val fleet = perform(fresh(1)).seeing(Vector(small))
    assert(Reconciler.decide(fleet) == Decision(Vector.empty, Some(21000)))
    Reconciler.decide(fleet.at(21000)).actions match {
      case Vector(Fail(FailureKind.Infeasible, message)) =>
        assert(message.contains("CPU 2, memory 1024 MiB"))
        assert(message.contains("10.0.0.1: CPU 1, memory 8192 MiB"))
        assert(!message.contains("node:"))
      case other => fail(s"expected a failure, got $other")
    }
  }

  test("a node that joins in time makes the demand feasible") {
    val fleet = perform(fresh(1)).seeing(Vector(small)).at(15000).seeing(Vector(small, large))
    assert(Reconciler.decide(fleet.at(100000)).actions.isEmpty)
    assert(fleet.at(16000).seeing(Vector(small)).infeasibleSince.contains(16000L))
  }

  /** When the application fails if nothing happens. */
  private def failsAt(fleet: FleetSnapshot): Option[Long] = {
    val decision = Reconciler.decide(fleet)
    if (decision.actions.exists(_.isInstanceOf[Fail])) Some(fleet.now)
    else decision.wakeAt.flatMap(at => failsAt(fleet.at(at)))
  }

  test("while the autoscaler adds nodes, the application waits for them as long as it may") {
    val fleet = perform(fresh(1)).seeing(Vector(small))
    assert(failsAt(fleet).contains(1000 + policy.infeasibleTimeout))
    val growing = fleet.at(6000).growing(1800000, "Ray's autoscaler adds small x 1")
    assert(failsAt(growing).contains(1801000L))
    val joined = growing.at(900000).seeing(Vector(small, large))
    assert(!Reconciler.decide(joined).actions.exists(_.isInstanceOf[Fail]) && joined.infeasibleUntil.isEmpty)
  }

  test("when the autoscaler gives up, the application waits as on a fixed cluster, and says what it answered") {
    val growing = perform(fresh(1)).seeing(Vector(small)).at(6000).growing(1800000, "it adds nodes")
    val over = growing.at(600000).growing(0, "It has no such node")
    assert(failsAt(over).contains(600000 + policy.infeasibleTimeout))
    assert(over.at(610000).growing(0, "It has no such node").infeasibleUntil == over.infeasibleUntil)
    assert(failsAt(over.at(610000).growing(1800000, "it adds nodes again")).contains(1801000L))
    Reconciler.decide(over.at(620000)).actions match {
      case Vector(Fail(FailureKind.Infeasible, message)) =>
        assert(message.contains("It has no such node. Waited 619 s"))
      case other => fail(s"expected a failure, got $other")
    }
    val denied = perform(fresh(1)).seeing(Vector(small)).at(6000).growing(0, "It has no such node")
    assert(failsAt(denied).contains(1000 + policy.infeasibleTimeout), "it never added one")
  }

  test("requests that were withdrawn do not end the application, and later ones have their own time") {
    val withdrawn = perform(perform(fresh(1)).seeing(Vector(small)).desiring(0))
    assert(Reconciler.decide(withdrawn.at(3600000)) == Decision(Vector.empty, None))
    val again = perform(withdrawn.at(3600000).desiring(1))
    assert(!Reconciler.decide(again).actions.exists(_.isInstanceOf[Fail]))
    assert(failsAt(again.seeing(Vector(small))).contains(3600000 + policy.infeasibleTimeout))
  }

  test("executors that vanish without any work done are counted, and work ends the count") {
    val working = perform(fresh(1)).processStarted(1).registered(1)
    val one = working.lost(1, Loss.Unexplained("gone"), 0).launched.registered(2)
    assert(one.silentLosses == 1)
    val two = one.lost(2, Loss.Unexplained("gone"), 0).launched.registered(3)
    assert(two.silentLosses == 2)
    assert(two.lost(3, Loss.Unexplained("gone"), 7).silentLosses == 1)
  }

  test("events about executors that are not there change nothing") {
    val fleet = perform(fresh(1))
    assert(fleet.processStarted(9).registered(9).mustLeave(9, intended = true).lost(9, Loss.Explained("x"), 0) == fleet)
    val failing = fleet.lost(1, Loss.Explained("x"), 0)
    assert(failing.registered(1) == failing)
  }

  test("whatever happens, there are never more executors than desired, ids are never used twice, and all ends well") {
    (1L to 2000L).foreach { seed =>
      val simulation = new FleetSimulation(seed, if (seed % 2 == 0) policy else SamplePolicies.random(seed))
      (1 to 60).foreach { _ =>
        val before = simulation.fleet
        simulation.step()
        val grown = simulation.fleet.kept.size > before.kept.size
        assert(!grown || simulation.fleet.kept.size <= simulation.fleet.desired, s"too many, seed $seed")
      }
      assert(simulation.launchedIds == simulation.launchedIds.distinct.sorted, s"ids, seed $seed")
      val desired = (seed % 5).toInt
      if (simulation.failure.isEmpty) simulation.reach(desired)
      val fleet = simulation.fleet
      simulation.failure match {
        case Some(fail) =>
          val failures = fleet.failures
          val tooMany = failures.hopeless || failures.count >= fleet.policy.maxConsecutiveFailures
          val tooLate = fail.kind == FailureKind.Infeasible && fleet.infeasibleUntil.exists(_ <= fleet.now)
          assert(tooMany || tooLate, s"failed too early with ${fail.kind}, seed $seed")
        case None =>
          assert(fleet.executors.forall(_.departure.isEmpty), s"a leaving executor remained, seed $seed")
          assert(
            fleet.registeredCount >= desired && fleet.executors.forall(_.phase == Registered),
            s"not converged, seed $seed")
          assert(Reconciler.decide(fleet) == Decision(Vector.empty, None), s"not at rest, seed $seed")
      }
    }
  }
}
