package io.raydp.lifecycle

import scala.collection.mutable

import io.raydp.process.{ExecutorLaunch, ExecutorOutcome, ExecutorPlace, ShuffleServiceLaunch}
import org.apache.spark.raydp.DriverScheduler
import org.slf4j.LoggerFactory

/** The actors of the executors in a snapshot, and what Spark is told about them. Only the fleet's thread uses it. */
private[lifecycle] final class FleetMembers(spec: ApplicationSpec, effects: FleetEffects, post: FleetEvent => Unit) {
  import FleetMembers.Member

  private val isolated = new Isolation(LoggerFactory.getLogger(classOf[FleetMembers]))
  private val services = new ShuffleServices(spec.shuffleService, effects, post)
  private val members = mutable.Map.empty[Int, Member]
  private val recentlyLost = mutable.Queue.empty[ExecutorStatus]
  private var scheduler: Option[DriverScheduler] = None

  def nonEmpty: Boolean = members.nonEmpty

  def tasksFinished: Long = scheduler.map(_.tasksFinished).getOrElse(0)

  /** Where an executor is, and what it waits for there. */
  def placeOf(id: Int): String = members.get(id).flatMap(_.place).fold("no node yet") { place =>
    (place.toString +: services.waiting(place.host).toVector).mkString("; ")
  }

  /** The scheduler is running: executors that wait for it can join. */
  def attach(attached: DriverScheduler): Unit = {
    scheduler = Some(attached)
    members.values.flatMap(_.place).foreach(serve)
    startAll()
  }

  /**
   * Requests an executor from Ray. A request that throws is a failed start.
   *
   * @param kept tells which executors stay: the new one goes to another bundle of the placement group
   */
  def launch(id: Int, kept: Int => Boolean): Unit = orFailedStart(id) {
    val bundle = spec.executor.placement.map { placement =>
      placement.bundleFor(members.collect { case (other, member) if kept(other) => member.bundle }.flatten)
    }
    members(id) = Member(effects.launch(id, bundle, post), bundle, None, started = false)
    start(id)
  }

  def processStarted(id: Int, place: ExecutorPlace): Unit = {
    members.updateWith(id)(_.map(_.copy(place = Some(place))))
    serve(place)
    start(id)
  }

  /** A shuffle service listens: the executors on its host can join. Returns the host. */
  def serviceReady(serviceId: Int, port: Int): Option[String] = services.ready(serviceId, port).map { host =>
    startAll()
    host
  }

  /** A shuffle service is gone, and with it the files of its host. Returns the host and its executors. */
  def serviceLost(serviceId: Int): Option[(String, Vector[Int])] =
    services.lost(serviceId).map(host => (host, at(host).toVector.sorted))

  /** Tells Spark to recompute what was computed on a host. */
  def filesLost(host: String, reason: String): Unit = tell(_.filesLost(host, reason))

  /** Ends the shuffle services that are no longer needed. Returns their hosts. */
  def releaseServices(now: Long): Vector[String] =
    services.release(now, FleetMembers.ServicePatienceMillis) { host =>
      at(host).nonEmpty || scheduler.exists(_.holdsShuffleFiles(host))
    }

  def hasServices: Boolean = services.nonEmpty

  /** Kills an executor's process and tells Spark how it ended. */
  def remove(id: Int, outcome: ExecutorOutcome): Unit = members.remove(id).foreach { member =>
    kill(id, member)
    // A request that was withdrawn before it had a process is not a loss.
    if (member.place.isDefined || outcome.exitCode != 0) recentlyLost += ExecutorStatus(id, "lost", member.place)
    if (recentlyLost.size > FleetMembers.KeptLost) recentlyLost.dequeue()
    tell(_.executorLost(id, outcome))
  }

  /** Like [[remove]], but does not tell Spark. */
  def forget(id: Int): Unit = members.remove(id).foreach(kill(id, _))

  /** Kills the executors that never joined, because Spark cannot tell them to stop. */
  def killIdle(): Unit = members.filter(!_._2.started || scheduler.isEmpty).keys.toVector.foreach(forget)

  def killAll(): Unit = {
    members.keys.toVector.foreach(forget)
    services.killAll()
  }

  def fail(error: RayApplicationException): Unit = tell(_.failed(error))

  def statuses(snapshot: FleetSnapshot): Vector[ExecutorStatus] =
    recentlyLost.toVector ++ snapshot.executors.map { executor =>
      val place = members.get(executor.id).flatMap(_.place)
      ExecutorStatus(executor.id, executor.phase.name, place, leaving = executor.departure.isDefined)
    }

  private def tell(news: DriverScheduler => Unit): Unit =
    isolated("Spark's scheduler could not be told what happened")(scheduler.foreach(news))

  private def kill(id: Int, member: Member): Unit = isolated(s"Executor $id could not be ended")(member.remote.kill())

  private def orFailedStart(id: Int)(step: => Unit): Unit =
    try step
    catch {
      case Isolation.Failure(error) =>
        val reason = LifecycleMessages.notRequested(error)
        post(FleetEvent.Ended(id, Right(ExecutorOutcome(1, byApplication = false, reason))))
    }

  private def at(host: String): Iterable[Int] = members.collect {
    case (id, member) if member.place.exists(_.host == host) => id
  }

  private def serve(place: ExecutorPlace): Unit = scheduler.foreach { attached =>
    services.need(place.host, ShuffleServiceLaunch(spec.id, attached.executorProperties))
  }

  private def startAll(): Unit = members.keys.toVector.sorted.foreach(start)

  /** With shuffle services, the executor's host must be known first. Without, Ray keeps the call until its process starts. */
  private def settingsOf(member: Member): Option[Map[String, String]] =
    if (spec.shuffleService.isEmpty) Some(Map.empty) else member.place.flatMap(place => services.settings(place.host))

  private def start(id: Int): Unit = orFailedStart(id) {
    for {
      attached <- scheduler
      member <- members.get(id) if !member.started
      settings <- settingsOf(member)
    } {
      member.remote.start(
        ExecutorLaunch(
          attached.driverUrl,
          id,
          spec.executor.cores,
          spec.id,
          FleetMembers.DefaultProfile,
          attached.executorProperties ++ settings))
      members(id) = member.copy(started = true)
    }
  }
}

private[lifecycle] object FleetMembers {
  private final case class Member(
      remote: RemoteExecutor,
      bundle: Option[Int],
      place: Option[ExecutorPlace],
      started: Boolean)

  private val KeptLost = 20

  /** How long a host may have no executor before its service ends. */
  private val ServicePatienceMillis = 60000L
  private val DefaultProfile = 0
}
