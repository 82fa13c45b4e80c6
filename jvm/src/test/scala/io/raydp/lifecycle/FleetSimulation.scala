package io.raydp.lifecycle

import scala.util.Random

import io.raydp.process.Encoding

/**
 * A cluster and an application's driver in miniature: performs decisions as the driver does and has everything
 * happen that can, in an order that a seed determines.
 */
final class FleetSimulation(seed: Long, policy: FleetPolicy) {
  private val random = new Random(seed)
  private var finished = 0L
  var fleet: FleetSnapshot =
    FleetSnapshot.initial(now = 0, desired = random.nextInt(6), demand = Some(Map("CPU" -> 1.0)), policy)
  var failure: Option[Action.Fail] = None
  var launchedIds: Vector[Int] = Vector.empty

  /** One thing happens, then it is decided and done; some decisions never come, as when the AppMaster dies. */
  def step(): Unit = if (failure.isEmpty) {
    fleet = fleet.at(fleet.now + random.nextInt(2000).toLong)
    happen(random.nextInt(13))
    if (random.nextInt(5) > 0) decideAndPerform()
  }

  /** From now on, everything succeeds until the desired executors run. */
  def reach(desired: Int): Unit = {
    fleet =
      fleet.desiring(desired).capacityChecked(None).seeing(Vector(NodeResources("a", "10.0.0.1", Map("CPU" -> 8.0))))
    (1 to 100).takeWhile(_ => failure.isEmpty).foreach { _ =>
      fleet = fleet.at(fleet.now + policy.backOffLimit)
      if (Reconciler.isChecking(fleet)) fleet = fleet.capacityChecked(None)
      decideAndPerform()
      fleet.executors.filter(_.departure.isDefined).foreach { executor =>
        fleet = fleet.lost(executor.id, Loss.Explained("it has finished its tasks"), finished)
      }
      if (failure.isEmpty) fleet.executors.filter(_.departure.isEmpty).foreach { executor =>
        fleet = fleet.processStarted(executor.id).registered(executor.id)
      }
    }
  }

  private def decideAndPerform(): Unit = {
    val decision = AppMasterCall.result(AppMasterCall.answer(Encoding.encode(fleet)))
    decision.actions.foreach {
      case Action.Launch(id) =>
        assert(id == fleet.nextId, s"launch of $id, but ${fleet.nextId} is next")
        launchedIds = launchedIds :+ id
        fleet = fleet.launched
      case Action.Kill(id, KillReason.NotRegistered) => fleet = fleet.lost(id, Loss.TimedOut("too slow"), finished)
      case Action.Kill(id, KillReason.NoProcess) => fleet = fleet.lost(id, Loss.NoProcess("no process"), finished)
      case Action.Kill(id, _) => fleet = fleet.lost(id, Loss.Intended, finished)
      case Action.CheckCapacity(id) => fleet = fleet.lost(id, Loss.Intended, finished).checkingCapacity
      case fail: Action.Fail => failure = failure.orElse(Some(fail))
    }
  }

  private def happen(kind: Int): Unit = kind match {
    case 0 => fleet = fleet.desiring(random.nextInt(6))
    case 1 | 2 => pick(_.phase == ExecutorPhase.Pending).foreach(id => fleet = fleet.processStarted(id))
    case 3 | 4 => pick(_.phase == ExecutorPhase.Starting).foreach(id => fleet = fleet.registered(id))
    case 5 => pick(_ => true).foreach(id => fleet = fleet.lost(id, Loss.Unexplained("killed"), finished))
    case 6 => pick(_ => true).foreach { id =>
        fleet = if (random.nextInt(3) == 0) fleet.leaving(id) else fleet.mustLeave(id, random.nextBoolean())
      }
    case 7 => pick(_ => true).foreach(id => fleet = fleet.lost(id, Loss.Explained("ended"), finished))
    case 8 => finished += 1
    case 9 =>
      if (Reconciler.isChecking(fleet))
        fleet = fleet.capacityChecked(Option.when(random.nextInt(3) == 0)("no process"))
    case 10 => fleet = fleet.growing(random.nextInt(3) * 100000L, "the autoscaler's answer")
    case 12 => fleet = fleet.seeingGroup(random.nextBoolean())
    case 11 =>
      val holds = random.nextInt(2).toDouble
      fleet = fleet.seeing(Vector(NodeResources("b", "10.0.0.2", Map("CPU" -> holds))))
  }

  private def pick(which: ObservedExecutor => Boolean): Option[Int] = {
    val candidates = fleet.executors.filter(which).map(_.id)
    Option.when(candidates.nonEmpty)(candidates(random.nextInt(candidates.size)))
  }
}
