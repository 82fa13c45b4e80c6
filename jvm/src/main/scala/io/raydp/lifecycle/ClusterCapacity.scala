package io.raydp.lifecycle

import java.util.concurrent.ExecutorService
import java.util.concurrent.atomic.AtomicBoolean

import org.slf4j.LoggerFactory

/**
 * Finds out what the cluster can hold while executors wait for resources. Only the fleet's thread uses it.
 *
 * @param demand what one executor needs
 * @param calls runs the calls to Ray, which block
 */
private[lifecycle] final class ClusterCapacity(
    effects: FleetEffects,
    demand: Map[String, Double],
    calls: ExecutorService,
    post: FleetEvent => Unit) {
  import ClusterCapacity._

  private val log = LoggerFactory.getLogger(classOf[ClusterCapacity])
  private var warned = false
  private var due: Option[Long] = None

  /** One look-up at a time: while Ray does not answer, others would only pile up behind it. */
  private val lookingUp = new AtomicBoolean

  /** When to call [[watch]] again even if nothing happens. */
  def dueAt: Option[Long] = due

  /** While an executor waits for resources, looks up the nodes regularly, and warns once after a long wait. */
  def watch(fleet: FleetSnapshot): Unit = {
    val waiting = fleet.executors.filter(_.phase == ExecutorPhase.Pending)
    if (waiting.isEmpty) due = None
    else if (due.forall(_ <= fleet.now)) {
      if (due.isDefined) lookUpNodes()
      due = Some(fleet.now + LookUpMillis)
    }
    val long = waiting.count(fleet.now - _.since >= WarnMillis)
    if (long > 0 && !warned && fleet.infeasibleSince.isEmpty && fleet.nodes.nonEmpty) {
      warned = true
      log.warn(LifecycleMessages.waitingForResources(long, demand, fleet.nodes))
    }
  }

  /** Finds out whether the cluster can hold one more executor. The result is posted as CapacityChecked. */
  def check(id: Int): Unit = calls.execute { () =>
    val available =
      try effects.hasCapacity(demand)
      catch { case Isolation.Failure(error) => log.warn("The cluster's capacity could not be checked", error); false }
    post(FleetEvent.CapacityChecked(id, available))
  }

  private def lookUpNodes(): Unit = if (lookingUp.compareAndSet(false, true)) calls.execute { () =>
    try post(FleetEvent.NodesSeen(effects.nodes()))
    catch { case Isolation.Failure(error) => log.warn("The nodes of the Ray cluster could not be looked up", error) }
    finally lookingUp.set(false)
  }
}

private[lifecycle] object ClusterCapacity {
  private val LookUpMillis = 1000L
  private val WarnMillis = 30000L
}
