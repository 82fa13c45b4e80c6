package io.raydp.lifecycle

import io.raydp.process.Encoding

/** One step towards the desired executors. */
sealed trait Action
object Action {

  /** Request the executor with this id from Ray. */
  final case class Launch(id: Int) extends Action

  /** Kill an executor, or withdraw its request. */
  final case class Kill(id: Int, why: KillReason) extends Action

  /** Withdraw an executor's request and find out whether the cluster has the capacity for it. */
  final case class CheckCapacity(id: Int) extends Action

  /** End the application. */
  final case class Fail(kind: FailureKind, message: String) extends Action

  private[lifecycle] implicit val encoding: Encoding[Action] = Encoding.oneOf(
    Encoding.caseOf[Launch](fields => Launch(fields(_.id))),
    Encoding.caseOf[Kill](fields => Kill(fields(_.id), fields(_.why))),
    Encoding.caseOf[CheckCapacity](fields => CheckCapacity(fields(_.id))),
    Encoding.caseOf[Fail](fields => Fail(fields(_.kind), fields(_.message))))
}

sealed abstract class KillReason
object KillReason {

  /** More executors were requested than Spark needs now. */
  case object Surplus extends KillReason

  /** It had to leave and did not end on its own. */
  case object Overdue extends KillReason

  /** It did not join the driver in time. */
  case object NotRegistered extends KillReason

  /** Its resources are reserved, but Ray started no process in time. */
  case object NoProcess extends KillReason

  val all: Vector[KillReason] = Vector(Surplus, Overdue, NotRegistered, NoProcess)

  private[lifecycle] implicit val encoding: Encoding[KillReason] = Encoding.among(all)
}

/**
 * @param actions what to do now
 * @param wakeAt when to decide again even if nothing happens: the next deadline, in the snapshot's clock
 */
final case class Decision(actions: Vector[Action], wakeAt: Option[Long])

object Decision {
  private[lifecycle] implicit val encoding: Encoding[Decision] =
    Encoding.record(fields => Decision(fields(_.actions), fields(_.wakeAt)))
}

/**
 * Compares the executors that Spark needs with those that exist, and decides what to do about the difference.
 *
 * It is a pure function of the snapshot. It runs in the AppMaster, or in the driver while no AppMaster answers. Both
 * decide the same, and a new AppMaster continues with the executors that exist, so none is launched twice.
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
    // While an executor works, the application can make progress: perhaps only one node is broken.
    val tooMany = failures.hopeless || failures.count >= fleet.policy.maxConsecutiveFailures
    val cannotStart = tooMany && fleet.desired > 0 && fleet.registeredCount == 0
    val infeasible = fleet.infeasibleUntil.exists(_ <= fleet.now)
    if (cannotStart) Some(Fail(failures.kind, LifecycleMessages.cannotStart(failures)))
    else if (infeasible) Some(Fail(FailureKind.Infeasible, LifecycleMessages.infeasible(fleet)))
    else None
  }

  private def overdue(fleet: FleetSnapshot): Vector[Kill] = fleet.executors.collect {
    case executor if executor.departure.exists(_.deadline.exists(_ <= fleet.now)) =>
      Kill(executor.id, KillReason.Overdue)
    case ObservedExecutor(id, Starting, since, None) if fleet.now - since >= fleet.policy.startTimeout =>
      Kill(id, KillReason.NotRegistered)
  }

  /**
   * An executor that Ray does not start for long may be waiting for resources in use, which is no fault, or for a process
   * that cannot start, which Ray does not report. One executor at a time is checked.
   */
  private def stuck(fleet: FleetSnapshot): Option[Action] =
    fleet.kept.find(fleet.infeasibleSince.isEmpty && waitedEnough(fleet, _)).map { executor =>
      if (fleet.demand.isEmpty) Kill(executor.id, KillReason.NoProcess) else Action.CheckCapacity(executor.id)
    }

  private def waitedEnough(fleet: FleetSnapshot, executor: ObservedExecutor): Boolean =
    executor.phase == Pending && patienceEnds(fleet, executor).exists(_ <= fleet.now)

  private def patienceEnds(fleet: FleetSnapshot, request: ObservedExecutor): Option[Long] = fleet.capacityCheck match {
    case CapacityCheck.NotStarted => Some(request.since + fleet.policy.startTimeout)
    case CapacityCheck.Running(_) => None
    case CapacityCheck.Finished(at, _) => Some(math.max(request.since, at) + fleet.policy.startTimeout)
  }

  /** Withdraws requests before it kills starting executors. Registered executors are ended only when Spark says so. */
  private def surplus(fleet: FleetSnapshot): Vector[Kill] = {
    val excess = fleet.kept.size - fleet.desired
    fleet.kept
      .filter(_.phase != Registered)
      .sortBy(executor => (executor.phase.code, -executor.id))
      .take(math.max(0, excess))
      .map(executor => Kill(executor.id, KillReason.Surplus))
  }

  private def launches(fleet: FleetSnapshot): Vector[Launch] =
    if (isChecking(fleet) || fleet.now < startsAllowedFrom(fleet)) Vector.empty
    else (0 until math.max(0, fleet.desired - fleet.kept.size)).map(i => Launch(fleet.nextId + i)).toVector

  /** While the capacity is checked, no executor is launched. */
  def isChecking(fleet: FleetSnapshot): Boolean = fleet.capacityCheck match {
    case CapacityCheck.Running(_) => true
    case _ => false
  }

  private def startsAllowedFrom(fleet: FleetSnapshot): Long =
    if (fleet.failures.count == 0) Long.MinValue else fleet.failures.lastAt + fleet.policy.backOff(fleet.failures.count)

  private def deadlines(fleet: FleetSnapshot): Vector[Long] =
    fleet.executors.flatMap {
      case ObservedExecutor(_, _, _, Some(departure)) => departure.deadline
      case ObservedExecutor(_, Starting, since, None) => Some(since + fleet.policy.startTimeout)
      case request @ ObservedExecutor(_, Pending, _, None) => patienceEnds(fleet, request)
      case _ => None
    } ++
      fleet.infeasibleUntil ++
      Option.when(fleet.kept.size < fleet.desired)(startsAllowedFrom(fleet))
}
