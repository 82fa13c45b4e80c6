package io.raydp.lifecycle

import scala.collection.Searching.Found

/** How far an executor has come. */
sealed abstract class ExecutorPhase(val code: Byte, val name: String)

object ExecutorPhase {

  /** Its actor was asked of Ray, which has not started its process yet: resources may not be free. */
  case object Requested extends ExecutorPhase(0, "requested")

  /** Its process runs; it has not joined the driver yet. */
  case object Booting extends ExecutorPhase(1, "booting")

  /** It is registered with the driver's scheduler and can run tasks. */
  case object Registered extends ExecutorPhase(2, "registered")

  val all: Vector[ExecutorPhase] = Vector(Requested, Booting, Registered)
}

/**
 * That an executor has to go.
 *
 * @param deadline when it is ended by force; never when it may finish its tasks first and hand over what it holds
 * @param intended whether Spark asked for it; otherwise its connection to the driver broke
 */
final case class Doom(deadline: Option[Long], intended: Boolean)

/**
 * @param id Spark's executor id and the number in the actor's name; never used twice in an application
 * @param phase how far it has come
 * @param since when it entered that phase, in milliseconds of the snapshot's clock
 * @param doom set once it has to go; it then no longer counts towards the desired number
 */
final case class ObservedExecutor(id: Int, phase: ExecutorPhase, since: Long, doom: Option[Doom] = None)

/** What one node of the cluster has in all, whoever uses it. */
final case class NodeResources(id: String, address: String, total: Map[String, Double]) {
  def couldHold(demand: Map[String, Double]): Boolean =
    demand.forall { case (name, amount) => total.getOrElse(name, 0.0) >= amount - 1e-6 }
}

/** How patient the application is; all times in milliseconds. */
final case class FleetPolicy(
    startTimeout: Long,
    infeasibleTimeout: Long,
    maxConsecutiveFailures: Int,
    killGrace: Long = 5000,
    backOffBase: Long = 1000,
    backOffLimit: Long = 30000) {

  /** How long after the last of `failures` failed starts in a row the next one may begin: none after the first. */
  def backOff(failures: Int): Long =
    if (failures <= 1) 0 else math.min(backOffLimit, backOffBase << math.min(failures - 2, 20))
}

/**
 * The starts that failed since the last one that succeeded.
 *
 * @param hopeless whether the next one would fail as well
 */
final case class StartFailures(
    count: Int,
    lastAt: Long,
    kind: FailureKind,
    lastReason: String,
    hopeless: Boolean = false)

object StartFailures {
  val none: StartFailures = StartFailures(0, 0, FailureKind.StartFailed, "")
}

/** How an executor ended, as far as that decides what happens next. */
sealed trait Loss
object Loss {

  /** Spark or the reconcile wanted it so. */
  case object Intended extends Loss

  /** It said itself why, before it ended. */
  final case class Explained(reason: String) extends Loss

  /** Its process or node is gone without a word: killed from outside, or crashed in native code. */
  final case class Unexplained(reason: String) extends Loss

  /** It did not join the driver in time and was given up. */
  final case class TimedOut(reason: String) extends Loss

  /** Ray had room for it and yet brought up no process: it would not do so the next time either. */
  final case class NoProcess(reason: String) extends Loss
}

/** Finding out why a request is not fulfilled: a reservation is tried in its place. */
sealed trait Probe
object Probe {
  case object Never extends Probe

  /** Nothing is launched meanwhile, since it would compete for the room that is looked for. */
  case object Running extends Probe

  /** For a while the answer holds for other requests too. */
  final case class Ended(at: Long) extends Probe
}

/**
 * All that is known of an application's executors at one moment, and all that the decision about them needs.
 *
 * Immutable; the transitions return a new one. Its clock is the driver's monotonic clock, so times are only compared
 * with each other.
 *
 * @param now when this was seen
 * @param desired how many executors Spark wants
 * @param executors those that are asked for or live, by ascending id
 * @param nextId id of the next executor
 * @param failures the starts that failed in a row
 * @param silentLosses executors that ended without explanation and without any task finished in between
 * @param tasksFinished tasks that had finished at the last such loss
 * @param demand what one executor needs of a node; None when a placement group holds it already
 * @param nodes the cluster's nodes; empty until they were looked up
 * @param probe whether it is being found out why a request is not fulfilled
 * @param infeasibleSince since when something is requested that no node could ever hold
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
    infeasibleSince: Option[Long],
    probe: Probe,
    policy: FleetPolicy) {
  import ExecutorPhase._

  /** Those that count towards the desired number. */
  def kept: Vector[ObservedExecutor] = executors.filter(_.doom.isEmpty)

  def registeredCount: Int = executors.count(_.phase == Registered)

  def executor(id: Int): Option[ObservedExecutor] = indexOf(id).map(executors)

  def contains(id: Int): Boolean = indexOf(id).isDefined

  def at(time: Long): FleetSnapshot = copy(now = time)

  def desiring(count: Int): FleetSnapshot = copy(desired = count)

  /** The next id was asked of Ray. */
  def launched: FleetSnapshot =
    copy(executors = executors :+ ObservedExecutor(nextId, Requested, now), nextId = nextId + 1)

  def booted(id: Int): FleetSnapshot = advanced(id, Booting)

  /** An executor joined: starting works again. */
  def registered(id: Int): FleetSnapshot =
    if (contains(id)) advanced(id, Registered).copy(failures = StartFailures.none) else this

  /** An executor has to go, and is ended by force if it does not do so by itself. */
  def doomed(id: Int, intended: Boolean): FleetSnapshot = {
    val limit = now + policy.killGrace
    changed(id) { executor =>
      val doom = executor.doom.getOrElse(Doom(None, intended))
      executor.copy(doom = Some(doom.copy(deadline = doom.deadline.filter(_ <= limit).orElse(Some(limit)))))
    }
  }

  /** An executor takes no more tasks and ends by itself when it is done with those it has, however long that takes. */
  def leaving(id: Int): FleetSnapshot =
    changed(id)(executor => executor.copy(doom = executor.doom.orElse(Some(Doom(None, intended = true)))))

  /** An executor is gone. `finished` is the number of tasks that finished in the application so far. */
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

  def seeing(seen: Vector[NodeResources]): FleetSnapshot = copy(nodes = seen).withFeasibility

  /** It is being found out whether the cluster has room; the request in question was withdrawn. */
  def probed: FleetSnapshot = copy(probe = Probe.Running)

  /** It was found out: with room and no process the fault is not the cluster's load. */
  def probeEnded(reason: Option[String]): FleetSnapshot = {
    val ended = copy(probe = Probe.Ended(now))
    reason.fold(ended)(ended.hopeless)
  }

  /** Whether something is requested that no node could hold even if it were empty. */
  private def infeasible: Boolean =
    nodes.nonEmpty && executors.exists(_.phase == Requested) && demand.exists(need => !nodes.exists(_.couldHold(need)))

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

  /** Their ids ascend, so that thousands of events need not go through thousands of executors each. */
  private def indexOf(id: Int): Option[Int] = executors.view.map(_.id).search(id) match {
    case Found(index) => Some(index)
    case _ => None
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
      None,
      Probe.Never,
      policy)
}
