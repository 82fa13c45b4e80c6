package io.raydp.lifecycle

import java.util.concurrent.TimeUnit
import java.util.concurrent.locks.ReentrantLock

import com.fasterxml.jackson.databind.node.JsonNodeFactory
import io.raydp.process.ExecutorPlace
import org.apache.spark.raydp.ExecutorTotals

/** How far an application has come. */
sealed abstract class ApplicationPhase(val name: String)

object ApplicationPhase {
  case object Connecting extends ApplicationPhase("connecting")
  case object Starting extends ApplicationPhase("starting")
  case object Running extends ApplicationPhase("running")
  case object Failed extends ApplicationPhase("failed")
  case object Stopped extends ApplicationPhase("stopped")
}

/**
 * The status of one executor.
 *
 * @param state the name of a phase, or "lost"
 * @param leaving whether it gets no more tasks, or is about to be killed
 */
final case class ExecutorStatus(id: Int, state: String, place: Option[ExecutorPlace], leaving: Boolean = false)

/** Something that happened, and when, by the wall clock. */
final case class StatusEvent(millis: Long, text: String)

/**
 * Executors that wait for Ray to place them.
 *
 * @param ids their ids
 * @param running how many executors are registered meanwhile and stay
 * @param demand what each of them demands from Ray
 * @param sinceMillis since when they wait, by the snapshots' clock, which is also Python's monotonic one
 * @param isInfeasible whether no node could hold one even if it were empty, or their placement group is not reserved
 * @param group the id of their placement group
 */
final case class WaitingExecutors(
    ids: Vector[Int],
    running: Int,
    desired: Int,
    demand: Map[String, Double],
    sinceMillis: Long,
    isInfeasible: Boolean,
    group: Option[String]) {

  def json: String = {
    val root = JsonNodeFactory.instance.objectNode
    root.put("running", running).put("desired", desired).put("sinceMillis", sinceMillis).put("infeasible", isInfeasible)
    group.fold(root.putNull("group"))(root.put("group", _))
    val list = root.putArray("ids")
    ids.foreach(list.add(_))
    val amounts = root.putObject("demand")
    demand.foreach { case (name, amount) => amounts.put(name, amount) }
    root.toString
  }
}

/**
 * What the driver JVM reports about an application.
 *
 * @param sequence grows with every change
 * @param executors the requested and running executors, and the last few that were lost
 * @param waiting the executors that have waited for resources for a while
 */
final case class ApplicationStatus(
    sequence: Long,
    application: String,
    phase: ApplicationPhase,
    desired: Int,
    executors: Vector[ExecutorStatus],
    failure: Option[RayApplicationException],
    events: Vector[StatusEvent],
    waiting: Option[WaitingExecutors] = None) {

  def registered: Int = executors.count(_.state == ExecutorPhase.Registered.name)

  def totals: ExecutorTotals = {
    val (leaving, staying) = executors.partition(_.leaving)
    val pending = staying.count(executor => ApplicationStatus.NotRegistered(executor.state))
    ExecutorTotals(desired, pending, staying.count(_.state == ExecutorPhase.Registered.name), leaving.size)
  }

  def json: String = {
    val nodes = JsonNodeFactory.instance
    val root = nodes.objectNode
    root.put("sequence", sequence).put("application", application).put("phase", phase.name).put("desired", desired)
    val list = root.putArray("executors")
    executors.foreach { executor =>
      val item = list.addObject.put("id", executor.id.toString).put("state", executor.state)
      item.put("leaving", executor.leaving)
      executor.place match {
        case Some(place) =>
          item.put("node", place.nodeId).put("host", place.host).put("pid", place.pid)
          item.put("jvmStartMillis", place.jvmStartMillis).put("log", place.log)
        case None => Vector("node", "host", "pid", "jvmStartMillis", "log").foreach(item.putNull)
      }
    }
    failure match {
      case Some(error) => root.putObject("failure").put("error", error.error).put("message", error.getMessage)
      case None => root.putNull("failure")
    }
    val happened = root.putArray("events")
    events.foreach(event => happened.addArray.add(event.millis).add(event.text))
    root.toString
  }
}

object ApplicationStatus {

  private val NotRegistered = Set[String](ExecutorPhase.Pending.name, ExecutorPhase.Starting.name)

  /** The status when there is no application. */
  val none: ApplicationStatus =
    ApplicationStatus(0, "", ApplicationPhase.Stopped, 0, Vector.empty, None, Vector.empty)
}

/** Holds the latest status. Any number of threads can wait for the next one. */
final class StatusBoard(application: String, desired: Int) {
  private val lock = new ReentrantLock
  private val changed = lock.newCondition()
  @volatile private var latest =
    ApplicationStatus.none.copy(application = application, phase = ApplicationPhase.Connecting, desired = desired)

  def current: ApplicationStatus = latest

  /** Replaces the status, unless `change` returns an equal one. */
  def update(change: ApplicationStatus => ApplicationStatus): Unit = {
    lock.lock()
    try {
      val next = change(latest)
      if (next != latest) {
        latest = next.copy(sequence = latest.sequence + 1, events = next.events.takeRight(StatusBoard.KeptEvents))
        changed.signalAll()
      }
    } finally lock.unlock()
  }

  /** @throws RayApplicationException the application has failed */
  def throwFailure(): Unit = latest.failure.foreach(error => throw error)

  def happened(text: String): Unit =
    update(status => status.copy(events = status.events :+ StatusEvent(System.currentTimeMillis, text)))

  /** Blocks until `enough` is true or the time is over, and returns the latest status. */
  def await(timeoutMillis: Long)(enough: ApplicationStatus => Boolean): ApplicationStatus = {
    val deadline = System.nanoTime + TimeUnit.MILLISECONDS.toNanos(timeoutMillis)
    lock.lock()
    try {
      var remaining = deadline - System.nanoTime
      while (!enough(latest) && remaining > 0) remaining = changed.awaitNanos(remaining)
      latest
    } finally lock.unlock()
  }
}

object StatusBoard {
  private val KeptEvents = 200
}
