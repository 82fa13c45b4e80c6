package io.raydp.lifecycle

import scala.annotation.tailrec

import io.raydp.process.Encoding

/** How far an executor has come. */
sealed abstract class ExecutorPhase(val code: Byte, val name: String)

object ExecutorPhase {

  /** Ray has its request but has not started its process yet: resources may not be free. */
  case object Pending extends ExecutorPhase(0, "pending")

  /** Its process runs, but has not joined the driver yet. */
  case object Starting extends ExecutorPhase(1, "starting")

  /** It is registered with the driver's scheduler and can run tasks. */
  case object Registered extends ExecutorPhase(2, "registered")

  private[lifecycle] implicit val encoding: Encoding[ExecutorPhase] =
    Encoding.among(Vector(Pending, Starting, Registered))
}

/**
 * An executor is leaving.
 *
 * @param deadline when it is killed; None if it may first finish its tasks and hand over its blocks
 * @param intended whether Spark asked for it; otherwise its connection to the driver broke
 */
final case class Departure(deadline: Option[Long], intended: Boolean)

object Departure {
  private[lifecycle] implicit val encoding: Encoding[Departure] =
    Encoding.record(fields => Departure(fields(_.deadline), fields(_.intended)))
}

/**
 * @param id Spark's executor id, which is also in the actor's name; never used twice in an application
 * @param phase how far it has come
 * @param since when it entered that phase, in milliseconds of the snapshot's clock
 * @param departure set once it is leaving; a leaving executor does not count towards the desired number
 */
final case class ObservedExecutor(id: Int, phase: ExecutorPhase, since: Long, departure: Option[Departure] = None)

object ObservedExecutor {
  private[lifecycle] implicit val encoding: Encoding[ObservedExecutor] = Encoding.record { fields =>
    ObservedExecutor(fields(_.id), fields(_.phase), fields(_.since), fields(_.departure))
  }
}

/** The total resources of one node, including those in use. */
final case class NodeResources(id: String, address: String, total: Map[String, Double]) {
  def couldHold(demand: Map[String, Double]): Boolean =
    demand.forall { case (name, amount) => total.getOrElse(name, 0.0) >= amount - 1e-6 }
}

object NodeResources {
  private[lifecycle] implicit val encoding: Encoding[NodeResources] =
    Encoding.record(fields => NodeResources(fields(_.id), fields(_.address), fields(_.total)))
}

/**
 * The failed starts since the last successful one.
 *
 * @param hopeless whether the next start would fail as well
 */
final case class StartFailures(
    count: Int,
    lastAt: Long,
    kind: FailureKind,
    lastReason: String,
    hopeless: Boolean = false)

object StartFailures {
  val none: StartFailures = StartFailures(0, 0, FailureKind.StartFailed, "")

  private[lifecycle] implicit val encoding: Encoding[StartFailures] = Encoding.record { fields =>
    StartFailures(fields(_.count), fields(_.lastAt), fields(_.kind), fields(_.lastReason), fields(_.hopeless))
  }
}

/**
 * What Ray's autoscaler does for executors that no node could hold. Only Python can ask it.
 *
 * @param patience how long to wait for its nodes, in milliseconds; 0 if it adds none
 * @param endedAt when it stopped adding nodes, if it did
 * @param said what it does, for users; empty if nobody asked it
 */
final case class Growth(patience: Long, endedAt: Option[Long], said: String)

object Growth {
  val none: Growth = Growth(0, None, "")

  private[lifecycle] implicit val encoding: Encoding[Growth] =
    Encoding.record(fields => Growth(fields(_.patience), fields(_.endedAt), fields(_.said)))
}

/** Why an executor ended, as far as it matters for what happens next. */
sealed trait Loss
object Loss {

  /** Spark or the reconciler asked for it. */
  case object Intended extends Loss

  /** It reported the reason before it ended. */
  final case class Explained(reason: String) extends Loss

  /** Its process or node is gone without a report: it was killed from outside, or crashed in native code. */
  final case class Unexplained(reason: String) extends Loss

  /** It did not join the driver in time and was abandoned. */
  final case class TimedOut(reason: String) extends Loss

  /** Ray had the capacity but started no process. The next attempt would end the same way. */
  final case class NoProcess(reason: String) extends Loss
}

/** Finds out why Ray does not start an executor: the same resources are reserved in its place. */
sealed trait CapacityCheck
object CapacityCheck {
  case object NotStarted extends CapacityCheck

  /**
   * No executor is launched meanwhile, because it would compete for the same resources.
   *
   * @param suspected whether the last check found capacity, and no process has started since
   */
  final case class Running(suspected: Boolean) extends CapacityCheck

  /** For a while, the result holds for other requests too. */
  final case class Finished(at: Long, suspected: Boolean) extends CapacityCheck

  private[lifecycle] implicit val encoding: Encoding[CapacityCheck] = Encoding.oneOf(
    Encoding.caseOf[NotStarted.type](_ => NotStarted),
    Encoding.caseOf[Running](fields => Running(fields(_.suspected))),
    Encoding.caseOf[Finished](fields => Finished(fields(_.at), fields(_.suspected))))
}

/**
 * Everything known about an application's executors at one moment, which is all that a decision about them needs.
 *
 * Immutable: transitions return a new snapshot. Times come from the driver's monotonic clock and are only compared with
 * each other.
 *
 * @param now when the snapshot was taken
 * @param desired how many executors Spark needs
 * @param executors all requested and running executors, by ascending id
 * @param nextId id of the next executor
 * @param failures the failed starts in a row
 * @param silentLosses executors in a row that ended without a report and without any finished task in between
 * @param tasksFinished how many tasks had finished at the last such loss
 * @param demand what one executor needs from a node; None if a placement group already holds it
 * @param nodes the cluster's nodes; empty until they are looked up
 * @param groupReserved whether the executors' placement group has all its bundles; true if they have none
 * @param infeasibleSince since when an executor is requested that no node, or no bundle of the group, could ever hold
 * @param growth what the autoscaler does about that
 * @param capacityCheck whether raydp is finding out why Ray does not start an executor
 */
final case class FleetSnapshot(
    now: Long,
    desired: Int,
    executors: Vector[ObservedExecutor],
    nextId: Int,
    failures: StartFailures,
    silentLosses: Int,
    tasksFinished: Long,
    demand: Option[Map[String, Double]],
    nodes: Vector[NodeResources],
    groupReserved: Boolean,
    infeasibleSince: Option[Long],
    growth: Growth,
    capacityCheck: CapacityCheck,
    policy: FleetPolicy) {
  import ExecutorPhase._

  /** The executors that count towards the desired number. */
  def kept: Vector[ObservedExecutor] = executors.filter(_.departure.isEmpty)

  def registeredCount: Int = executors.count(_.phase == Registered)

  def executor(id: Int): Option[ObservedExecutor] = indexOf(id).map(executors)

  def contains(id: Int): Boolean = indexOf(id).isDefined

  def at(time: Long): FleetSnapshot = copy(now = time)

  def desiring(count: Int): FleetSnapshot = copy(desired = count)

  /** The next executor was requested from Ray. */
  def launched: FleetSnapshot =
    copy(
      executors = executors :+ ObservedExecutor(nextId, Pending, now),
      nextId = nextId + 1,
      infeasibleSince = infeasibleSince.filter(_ => isAnyPending)
    ) // of requests that were withdrawn

  def processStarted(id: Int): FleetSnapshot = {
    val cleared = capacityCheck match {
      case CapacityCheck.NotStarted => capacityCheck
      case CapacityCheck.Running(_) => CapacityCheck.Running(suspected = false)
      case CapacityCheck.Finished(at, _) => CapacityCheck.Finished(at, suspected = false)
    }
    if (contains(id)) advanced(id, Starting).copy(capacityCheck = cleared) else this
  }

  /** An executor joined: starts succeed again. */
  def registered(id: Int): FleetSnapshot =
    if (contains(id)) advanced(id, Registered).copy(failures = StartFailures.none) else this

  /** An executor has to end now. It is killed if it does not end on its own within a short time. */
  def mustLeave(id: Int, intended: Boolean): FleetSnapshot = {
    val limit = now + policy.killGrace
    changed(id) { executor =>
      val departure = executor.departure.getOrElse(Departure(None, intended))
      val deadline = departure.deadline.filter(_ <= limit).orElse(Some(limit))
      executor.copy(departure = Some(departure.copy(deadline = deadline)))
    }
  }

  /** An executor gets no more tasks and ends once it has finished its own, however long that takes. */
  def leaving(id: Int): FleetSnapshot =
    changed(id)(executor =>
      executor.copy(departure = executor.departure.orElse(Some(Departure(None, intended = true)))))

  /** An executor is gone. `finished` is how many tasks of the application have finished so far. */
  def lost(id: Int, loss: Loss, finished: Long): FleetSnapshot =
    indexOf(id).fold(this) { index =>
      val remaining = copy(executors = executors.patch(index, Nil, 1))
      (executors(index).phase, loss) match {
        case (_, Loss.Intended) => remaining
        case (Registered, Loss.Unexplained(_)) =>
          val losses = if (finished > tasksFinished) 1 else silentLosses + 1
          remaining.copy(silentLosses = losses, tasksFinished = finished)
        case (Registered, _) => remaining
        case (_, Loss.TimedOut(reason)) => remaining.failed(FailureKind.StartTimeout, reason)
        case (_, Loss.NoProcess(reason)) => remaining.hopeless(reason)
        case (_, Loss.Explained(reason)) => remaining.failed(FailureKind.StartFailed, reason)
        case (_, Loss.Unexplained(reason)) => remaining.failed(FailureKind.StartFailed, reason)
      }
    }

  /** The nodes were looked up. Ray gets the full time to start a process on a node that has just joined. */
  def seeing(seen: Vector[NodeResources]): FleetSnapshot = {
    val known = nodes.map(_.id).toSet
    val hasGrown =
      known.nonEmpty && demand.exists(need => seen.exists(node => !known(node.id) && node.couldHold(need)))
    patientAgain(hasGrown).copy(nodes = seen).withFeasibility
  }

  /** The placement group of the executors was looked up. */
  def seeingGroup(isReserved: Boolean): FleetSnapshot =
    patientAgain(isReserved && !groupReserved).copy(groupReserved = isReserved).withFeasibility

  private def patientAgain(holds: Boolean): FleetSnapshot =
    if (!holds) this
    else copy(executors = executors.map(one => if (one.phase == Pending) one.copy(since = now) else one))

  /** The autoscaler was asked. `patience` is how long to wait for the nodes that it adds; 0 if it adds none. */
  def growing(patience: Long, said: String): FleetSnapshot = {
    val ended = if (growth.patience > 0 && patience == 0) Some(now) else growth.endedAt
    copy(growth = Growth(patience, ended.filter(_ => patience == 0), said))
  }

  /** When the application fails, unless a node joins that can hold an executor. */
  def infeasibleUntil: Option[Long] = infeasibleSince.filter(_ => isAnyPending).map { since =>
    val start = growth.endedAt.fold(since)(math.max(since, _))
    math.max(start + policy.infeasibleTimeout, since + growth.patience)
  }

  /** A check of the cluster's capacity runs. The request in question was withdrawn. */
  def checkingCapacity: FleetSnapshot = copy(capacityCheck = CapacityCheck.Running(isSuspected))

  /**
   * The check has finished.
   *
   * @param fault set if there was capacity, so that a busy cluster is not the reason. The capacity may have become free
   *   a moment ago, so it takes two checks in a row to find that Ray starts no process.
   */
  def capacityChecked(fault: Option[String]): FleetSnapshot = {
    val checked = copy(capacityCheck = CapacityCheck.Finished(now, suspected = fault.isDefined))
    fault.filter(_ => isSuspected).fold(checked)(checked.hopeless)
  }

  private def isSuspected: Boolean = capacityCheck match {
    case CapacityCheck.NotStarted => false
    case CapacityCheck.Running(suspected) => suspected
    case CapacityCheck.Finished(_, suspected) => suspected
  }

  private def isAnyPending: Boolean = executors.exists(_.phase == Pending)

  /** Whether an executor is requested that no node could hold even if it were empty. */
  private def infeasible: Boolean = isAnyPending && {
    demand match {
      case Some(need) => nodes.nonEmpty && !nodes.exists(_.couldHold(need))
      case None => !groupReserved
    }
  }

  private def withFeasibility: FleetSnapshot =
    copy(infeasibleSince = if (infeasible) infeasibleSince.orElse(Some(now)) else None)

  private def hopeless(reason: String): FleetSnapshot =
    copy(failures = StartFailures(failures.count + 1, now, FailureKind.StartTimeout, reason, hopeless = true))

  private def failed(kind: FailureKind, reason: String): FleetSnapshot =
    copy(failures = StartFailures(failures.count + 1, now, kind, reason))

  private def advanced(id: Int, phase: ExecutorPhase): FleetSnapshot =
    changed(id)(executor =>
      if (executor.phase.code < phase.code) executor.copy(phase = phase, since = now) else executor)

  private def changed(id: Int)(change: ObservedExecutor => ObservedExecutor): FleetSnapshot =
    indexOf(id).fold(this)(index => copy(executors = executors.updated(index, change(executors(index)))))

  /** A binary search: thousands of events must not each go through thousands of executors. */
  private def indexOf(id: Int): Option[Int] = {
    @tailrec
    def within(from: Int, until: Int): Option[Int] = {
      val middle = (from + until) >>> 1
      if (from >= until) None
      else if (executors(middle).id == id) Some(middle)
      else if (executors(middle).id < id) within(middle + 1, until)
      else within(from, middle)
    }
    within(0, executors.size)
  }
}

object FleetSnapshot {
  def initial(
      now: Long,
      desired: Int,
      demand: Option[Map[String, Double]],
      policy: FleetPolicy): FleetSnapshot =
    FleetSnapshot(
      now,
      desired,
      Vector.empty,
      1,
      StartFailures.none,
      0,
      0,
      demand,
      Vector.empty,
      groupReserved = true,
      None,
      Growth.none,
      CapacityCheck.NotStarted,
      policy)

  private[lifecycle] implicit val encoding: Encoding[FleetSnapshot] = Encoding.record { fields =>
    FleetSnapshot(
      now = fields(_.now),
      desired = fields(_.desired),
      executors = fields(_.executors),
      nextId = fields(_.nextId),
      failures = fields(_.failures),
      silentLosses = fields(_.silentLosses),
      tasksFinished = fields(_.tasksFinished),
      demand = fields(_.demand),
      nodes = fields(_.nodes),
      groupReserved = fields(_.groupReserved),
      infeasibleSince = fields(_.infeasibleSince),
      growth = fields(_.growth),
      capacityCheck = fields(_.capacityCheck),
      policy = fields(_.policy))
  }
}
