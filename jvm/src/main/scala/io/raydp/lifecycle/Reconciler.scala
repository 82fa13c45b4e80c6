package io.raydp.lifecycle

/** One step towards the desired executors. */
sealed trait Action
object Action {

  /** Ask Ray for the executor of this id. */
  final case class Launch(id: Int) extends Action

  /** End an executor, or withdraw the request for it. */
  final case class Kill(id: Int, why: KillReason) extends Action

  /** Withdraw the request for an executor and find out whether the cluster has room for it. */
  final case class Probe(id: Int) extends Action

  /** End the application. */
  final case class Fail(kind: FailureKind, message: String) extends Action
}

sealed abstract class KillReason(val code: Byte)
object KillReason {

  /** More were asked for than are wanted now. */
  case object Surplus extends KillReason(0)

  /** It was to go and did not do so by itself. */
  case object Overdue extends KillReason(1)

  /** It did not join the driver in time. */
  case object NotRegistered extends KillReason(2)

  /** Its place is reserved, and yet Ray brought up no process there in time. */
  case object NoProcess extends KillReason(3)

  val all: Vector[KillReason] = Vector(Surplus, Overdue, NotRegistered, NoProcess)
}

/**
 * @param actions what to do now
 * @param wakeAt when to ask again although nothing has happened: the next deadline, in the snapshot's clock
 */
final case class Decision(actions: Vector[Action], wakeAt: Option[Long])

/**
 * Compares the executors that Spark wants with those that are there, and says what to do about the difference.
 *
 * A pure function of the snapshot. It runs in the AppMaster, which therefore holds no state of its own: one that is
 * started in place of a dead one decides the same from what lives, so nothing is launched twice.
 */
object Reconciler {
  import Action.{Fail, Kill, Launch}
  import ExecutorPhase._

  def decide(fleet: FleetSnapshot): Decision =
    failure(fleet) match {
      case Some(fail) => Decision(Vector(fail), None)
      case None =>
        val actions = overdue(fleet) ++ surplus(fleet) ++ stuck(fleet) ++ launches(fleet)
        Decision(actions, deadlines(fleet).filter(_ > fleet.now).minOption)
    }

  private def failure(fleet: FleetSnapshot): Option[Fail] = {
    val failures = fleet.failures
    // As long as some executor works the application can go on, slowly: it may be one node that is broken.
    val tooMany = failures.hopeless || failures.count >= fleet.policy.maxConsecutiveFailures
    val cannotStart = tooMany && fleet.desired > 0 && fleet.registeredCount == 0
    val infeasible = fleet.infeasibleSince.exists(since => fleet.now - since >= fleet.policy.infeasibleTimeout)
    if (cannotStart) Some(Fail(failures.kind, LifecycleMessages.cannotStart(failures)))
    else if (infeasible)
      fleet.demand.map(demand => Fail(FailureKind.Infeasible, LifecycleMessages.infeasible(fleet, demand)))
    else None
  }

  private def overdue(fleet: FleetSnapshot): Vector[Kill] = fleet.executors.collect {
    case executor if executor.doom.exists(_.deadline.exists(_ <= fleet.now)) =>
      Kill(executor.id, KillReason.Overdue)
    case ObservedExecutor(id, Booting, since, None) if fleet.now - since >= fleet.policy.startTimeout =>
      Kill(id, KillReason.NotRegistered)
  }

  /**
   * A request that is not fulfilled for long may wait for others to free their resources, which is no fault, or for a
   * process that never comes up, of which Ray says nothing. One at a time is looked into.
   */
  private def stuck(fleet: FleetSnapshot): Option[Action] =
    fleet.kept.find(waitedEnough(fleet, _)).collect {
      case executor if fleet.demand.isEmpty => Kill(executor.id, KillReason.NoProcess)
      case executor if fleet.infeasibleSince.isEmpty => Action.Probe(executor.id)
    }

  private def waitedEnough(fleet: FleetSnapshot, executor: ObservedExecutor): Boolean =
    executor.phase == Requested && patienceEnds(fleet, executor).exists(_ <= fleet.now)

  private def patienceEnds(fleet: FleetSnapshot, request: ObservedExecutor): Option[Long] = fleet.probe match {
    case Probe.Never => Some(request.since + fleet.policy.startTimeout)
    case Probe.Running => None
    case Probe.Ended(at) => Some(math.max(request.since, at) + fleet.policy.startTimeout)
  }

  /** Requests are withdrawn before executors that boot; those that can work are only ended when Spark says so. */
  private def surplus(fleet: FleetSnapshot): Vector[Kill] = {
    val excess = fleet.kept.size - fleet.desired
    fleet.kept
      .filter(_.phase != Registered)
      .sortBy(executor => (executor.phase.code, -executor.id))
      .take(math.max(0, excess))
      .map(executor => Kill(executor.id, KillReason.Surplus))
  }

  private def launches(fleet: FleetSnapshot): Vector[Launch] =
    if (fleet.probe == Probe.Running || fleet.now < startsAllowedFrom(fleet)) Vector.empty
    else (0 until math.max(0, fleet.desired - fleet.kept.size)).map(i => Launch(fleet.nextId + i)).toVector

  private def startsAllowedFrom(fleet: FleetSnapshot): Long =
    if (fleet.failures.count == 0) Long.MinValue else fleet.failures.lastAt + fleet.policy.backOff(fleet.failures.count)

  private def deadlines(fleet: FleetSnapshot): Vector[Long] =
    fleet.executors.flatMap {
      case ObservedExecutor(_, _, _, Some(doom)) => doom.deadline
      case ObservedExecutor(_, Booting, since, None) => Some(since + fleet.policy.startTimeout)
      case request @ ObservedExecutor(_, Requested, _, None) => patienceEnds(fleet, request)
      case _ => None
    } ++
      fleet.infeasibleSince.map(_ + fleet.policy.infeasibleTimeout) ++
      Option.when(fleet.kept.size < fleet.desired)(startsAllowedFrom(fleet))
}
