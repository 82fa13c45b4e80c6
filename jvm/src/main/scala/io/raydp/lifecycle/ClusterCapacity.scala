package io.raydp.lifecycle

import java.util.concurrent.ExecutorService
import java.util.concurrent.atomic.AtomicBoolean

import org.slf4j.LoggerFactory

/**
 * Finds out what the cluster can hold while executors wait for resources. Only the fleet's thread uses it.
 *
 * @param executor what one executor needs
 * @param calls runs the calls to Ray, which block
 */
private[lifecycle] final class ClusterCapacity(
    effects: FleetEffects,
    executor: ExecutorSpec,
    calls: ExecutorService,
    post: FleetEvent => Unit) {
  import ClusterCapacity._

  private val demand = executor.demand
  private val group = executor.placement.map(_.groupId)
  private val log = LoggerFactory.getLogger(classOf[ClusterCapacity])
  private var warned = false
  private var warnedOfNodes = false
  private var due: Option[Long] = None

  /** One look-up at a time: while Ray does not answer, others would only pile up behind it. */
  private val lookingUp = new AtomicBoolean

  /** When to call [[watch]] again even if nothing happens. */
  def dueAt: Option[Long] = due

  /**
   * While an executor waits for resources, looks up the nodes regularly.
   *
   * @param tells whether to warn, once after a long wait, and once if no node could hold an executor
   */
  def watch(fleet: FleetSnapshot, tells: Boolean): Unit = {
    val waiting = pending(fleet)
    if (waiting.isEmpty) due = None
    else if (due.forall(_ <= fleet.now)) {
      if (due.isDefined) lookUpNodes()
      due = Some(fleet.now + LookUpMillis)
    }
    val long = waiting.count(fleet.now - _.since >= WarnMillis)
    if (tells && fleet.infeasibleSince.isDefined && !warnedOfNodes) {
      warnedOfNodes = true
      log.warn(LifecycleMessages.waitingForNode(waiting.size, fleet, demand))
    } else if (tells && fleet.infeasibleSince.isEmpty && long > 0 && !warned && fleet.nodes.nonEmpty) {
      warned = true
      log.warn(LifecycleMessages.waitingForResources(long, demand, fleet.nodes))
    }
    if (fleet.infeasibleSince.isEmpty) warnedOfNodes = false
  }

  /** The executors that wait, if a node could hold none of them, or if they have waited for longer than a start takes. */
  def waiting(fleet: FleetSnapshot): Option[WaitingExecutors] = {
    val long =
      pending(fleet).filter(one => fleet.infeasibleSince.isDefined || fleet.now - one.since >= StatusMillis)
    Option.when(long.nonEmpty) {
      val since = fleet.infeasibleSince.getOrElse(long.map(_.since).min)
      WaitingExecutors(
        long.map(_.id),
        fleet.kept.count(_.phase == ExecutorPhase.Registered),
        fleet.desired,
        demand,
        since,
        fleet.infeasibleSince.isDefined,
        group)
    }
  }

  /** Finds out whether the cluster can hold one more executor. The result is posted as CapacityChecked. */
  def check(id: Int): Unit = calls.execute { () =>
    val available =
      try effects.hasCapacity(demand)
      catch { case Isolation.Failure(error) => log.warn("The cluster's capacity could not be checked", error); false }
    post(FleetEvent.CapacityChecked(id, available))
  }

  private def pending(fleet: FleetSnapshot): Vector[ObservedExecutor] =
    fleet.kept.filter(_.phase == ExecutorPhase.Pending)

  private def lookUpNodes(): Unit = if (lookingUp.compareAndSet(false, true)) calls.execute { () =>
    try {
      post(FleetEvent.NodesSeen(effects.nodes()))
      group.foreach(id => post(FleetEvent.GroupSeen(effects.isReserved(id))))
    } catch { case Isolation.Failure(error) => log.warn("The nodes of the Ray cluster could not be looked up", error) }
    finally lookingUp.set(false)
  }
}

private[lifecycle] object ClusterCapacity {
  private val LookUpMillis = 1000L
  private val WarnMillis = 30000L

  /** How long an executor is pending before it counts as waiting. Requests that Ray can place are placed sooner. */
  private val StatusMillis = 3000L
}
