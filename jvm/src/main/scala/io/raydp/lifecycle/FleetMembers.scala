package io.raydp.lifecycle

import scala.collection.mutable

/** The handles that go with the executors of a snapshot, and what Spark is told about them. One thread uses it. */
private[lifecycle] final class FleetMembers(spec: ApplicationSpec, cluster: RayCluster, post: FleetEvent => Unit) {
  import FleetMembers.Member

  private val services = new ShuffleServices(spec.shuffleService, cluster, post)
  private val members = mutable.Map.empty[Int, Member]
  private val lostOnes = mutable.Queue.empty[ExecutorStatus]
  private var link: Option[SchedulerLink] = None

  def nonEmpty: Boolean = members.nonEmpty

  def tasksFinished: Long = link.map(_.tasksFinished).getOrElse(0)

  /** Where an executor is, and what it waits for there. */
  def placeOf(id: Int): String = members.get(id).flatMap(_.place).fold("no node yet") { place =>
    (place.toString +: services.waiting(place.host).toVector).mkString("; ")
  }

  /** The scheduler is there: executors that wait for it can join. */
  def attach(scheduler: SchedulerLink): Unit = {
    link = Some(scheduler)
    members.values.flatMap(_.place).foreach(serve)
    startAll()
  }

  /** @param kept tells which executors stay, beside which this one needs room */
  def launch(id: Int, kept: Int => Boolean): Unit = {
    val bundle = spec.executor.placement.map { placement =>
      placement.bundleBeside(members.collect { case (other, member) if kept(other) => member.bundle }.flatten)
    }
    members(id) = Member(cluster.launch(id, bundle, post), bundle, None, started = false)
    start(id)
  }

  def booted(id: Int, place: ExecutorPlace): Unit = {
    members.updateWith(id)(_.map(_.copy(place = Some(place))))
    serve(place)
    start(id)
  }

  /** A shuffle service listens: the executors of its host can join. */
  def serviceReady(number: Int, port: Int): Option[String] = services.ready(number, port).map { host =>
    startAll()
    host
  }

  /** A shuffle service is gone, and the files of its host with it; returns the host and its executors. */
  def serviceLost(number: Int): Option[(String, Vector[Int])] =
    services.lost(number).map(host => (host, at(host).toVector.sorted))

  /** Tells Spark that what was computed on a host must be computed again. */
  def filesLost(host: String, reason: String): Unit = link.foreach(_.filesLost(host, reason))

  /** Ends shuffle services that nobody needs any more; returns their hosts. */
  def releaseServices(now: Long): Vector[String] =
    services.release(now, FleetMembers.ServicePatienceMillis) { host =>
      at(host).nonEmpty || link.exists(_.holdsShuffleFiles(host))
    }

  def hasServices: Boolean = services.nonEmpty

  /** Ends an executor's process and tells Spark what became of it. */
  def remove(id: Int, outcome: ExecutorOutcome): Unit = members.remove(id).foreach { member =>
    member.remote.kill()
    // A request that was withdrawn before it had a process is no loss.
    if (member.place.isDefined || outcome.exitCode != 0) lostOnes += ExecutorStatus(id, "lost", member.place)
    if (lostOnes.size > FleetMembers.KeptLost) lostOnes.dequeue()
    link.foreach(_.executorLost(id, outcome))
  }

  /** As [[remove]], when nobody needs to be told any more. */
  def forget(id: Int): Unit = members.remove(id).foreach(_.remote.kill())

  /** Ends the executors that never joined, which therefore do not hear from Spark that they should. */
  def killIdle(): Unit = members.filter(!_._2.started || link.isEmpty).keys.toVector.foreach(forget)

  def killAll(): Unit = {
    members.keys.toVector.foreach(forget)
    services.killAll()
  }

  def fail(error: RayApplicationException): Unit = link.foreach(_.failed(error))

  def statuses(snapshot: FleetSnapshot): Vector[ExecutorStatus] =
    lostOnes.toVector ++ snapshot.executors.map { executor =>
      val place = members.get(executor.id).flatMap(_.place)
      ExecutorStatus(executor.id, executor.phase.name, place, leaving = executor.doom.isDefined)
    }

  private def at(host: String): Iterable[Int] = members.collect {
    case (id, member) if member.place.exists(_.host == host) => id
  }

  private def serve(place: ExecutorPlace): Unit = link.foreach { scheduler =>
    services.need(place.host, ShuffleServiceLaunch(spec.id, scheduler.executorProperties))
  }

  private def startAll(): Unit = members.keys.toVector.sorted.foreach(start)

  /** With shuffle services an executor's host must be known first; without, Ray keeps the call until it boots. */
  private def settingsOf(member: Member): Option[Map[String, String]] =
    if (spec.shuffleService.isEmpty) Some(Map.empty) else member.place.flatMap(place => services.settings(place.host))

  private def start(id: Int): Unit = for {
    scheduler <- link
    member <- members.get(id) if !member.started
    settings <- settingsOf(member)
  } {
    member.remote.start(
      ExecutorLaunch(
        scheduler.driverUrl,
        id,
        spec.executor.cores,
        spec.id,
        FleetMembers.DefaultProfile,
        scheduler.executorProperties ++ settings))
    members(id) = member.copy(started = true)
  }
}

private[lifecycle] object FleetMembers {
  private final case class Member(
      remote: RemoteExecutor,
      bundle: Option[Int],
      place: Option[ExecutorPlace],
      started: Boolean)

  private val KeptLost = 20

  /** Executors come and go at one host for a while before it is left. */
  private val ServicePatienceMillis = 60000L
  private val DefaultProfile = 0
}
