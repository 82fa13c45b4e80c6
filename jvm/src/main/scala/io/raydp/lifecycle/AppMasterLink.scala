package io.raydp.lifecycle

import java.util.concurrent.{Executors, RejectedExecutionException, TimeUnit}

import scala.util.control.NonFatal

import org.slf4j.LoggerFactory

/**
 * The driver's line to its AppMaster and what else takes time: keeps an AppMaster alive and asks it, in threads of its
 * own so that nothing else waits.
 *
 * Used by the fleet's thread alone.
 *
 * @param attempts how many AppMasters may be lost in a row, without any decision in between
 */
private[lifecycle] final class AppMasterLink(cluster: RayCluster, attempts: Int, post: FleetEvent => Unit) {
  private val log = LoggerFactory.getLogger(classOf[AppMasterLink])
  private val thread = Executors.newScheduledThreadPool(
    AppMasterLink.Threads,
    (task: Runnable) => {
      val asking = new Thread(task, "raydp-app-master-link")
      asking.setDaemon(true)
      asking
    })
  private var generation = 0
  private var losses = 0
  private var answeredBy = 0
  private var appMaster: Option[RemoteAppMaster] = None

  def start(): Unit = {
    generation += 1
    appMaster = Some(cluster.startAppMaster(generation, post))
  }

  /** Has the AppMaster decide; the answer is posted as Decided, or as AppMasterLost. */
  def ask(snapshot: FleetSnapshot): Unit = appMaster.foreach { master =>
    val asked = generation
    inBackground {
      try post(FleetEvent.Decided(master.decide(snapshot, AppMasterLink.AnswerMillis)))
      catch { case NonFatal(error) => post(FleetEvent.AppMasterLost(asked, String.valueOf(error.getMessage))) }
    }
  }

  def lookUpNodes(): Unit = inBackground {
    try post(FleetEvent.NodesSeen(cluster.nodes()))
    catch { case NonFatal(error) => log.warn("The nodes of the Ray cluster could not be looked up", error) }
  }

  /** Finds out whether the cluster has room for an executor; posted as Probed. */
  def probe(id: Int, demand: Map[String, Double]): Unit = inBackground {
    val room =
      try cluster.hasRoom(demand)
      catch { case NonFatal(error) => log.warn("It could not be found out whether the cluster has room", error); false }
    post(FleetEvent.Probed(id, room))
  }

  /** The current AppMaster has answered; returns whether it was its first answer. */
  def decided(): Boolean = {
    losses = 0
    val first = answeredBy < generation
    answeredBy = generation
    first
  }

  def isCurrent(lost: Int): Boolean = lost == generation

  /**
   * The current AppMaster is lost: starts another, after a pause that grows.
   *
   * @return the failure, if there were too many
   */
  def lost(reason: String, policy: FleetPolicy)(started: => Unit): Option[RayApplicationException] = {
    appMaster.foreach(_.kill())
    appMaster = None
    losses += 1
    if (losses > attempts) {
      Some(new RayApplicationException(FailureKind.AppMasterLost, LifecycleMessages.appMasterLost(losses, reason)))
    } else {
      log.warn(s"The AppMaster is lost and is started again; running jobs go on. $reason")
      thread.schedule((() => started): Runnable, policy.backOff(losses), TimeUnit.MILLISECONDS)
      None
    }
  }

  /**
   * Ends the AppMaster, which also ends a call that waits for it.
   *
   * @return whether no call to Ray goes on any more
   */
  def close(): Boolean = {
    appMaster.foreach(_.kill())
    appMaster = None
    thread.shutdownNow()
    thread.awaitTermination(AppMasterLink.EndMillis, TimeUnit.MILLISECONDS)
  }

  private def inBackground(work: => Unit): Unit =
    try thread.execute(() => work)
    catch { case _: RejectedExecutionException => log.debug("The application is being stopped") }
}

private[lifecycle] object AppMasterLink {

  /** An AppMaster that is only starting needs seconds; one that is stopped or cut off never answers. */
  private val AnswerMillis = 60000L
  private val EndMillis = 5000L

  /** One for decisions, one for what takes longer. */
  private val Threads = 2
}
