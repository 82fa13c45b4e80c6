package io.raydp.lifecycle

import scala.collection.mutable

/**
 * The shuffle services of an application, one for each host that has executors, if the application wants them.
 *
 * An executor joins the driver once its host's service listens, since its settings name the port. A service keeps the
 * files of executors that are gone; it ends when its host has had no executor for a while and no file that Spark still
 * knows, so that Ray's autoscaler can take the node back. Used by the fleet's thread alone.
 */
private[lifecycle] final class ShuffleServices(
    wanted: Option[ShuffleServiceSpec],
    cluster: RayCluster,
    post: FleetEvent => Unit) {
  import ShuffleServices.Service

  private val services = mutable.Map.empty[String, Service]
  private var generation = 0

  def nonEmpty: Boolean = services.nonEmpty

  /** Settings that name the service to an executor on this host; none as long as the service does not listen. */
  def settings(host: String): Option[Map[String, String]] =
    services.get(host).flatMap(_.port).map(port => Map(ShuffleServices.PortKey -> port.toString))

  /** There are executors on this host. */
  def need(host: String, launch: => ShuffleServiceLaunch): Unit = wanted.foreach { spec =>
    services.get(host) match {
      case Some(service) => services(host) = service.copy(unusedSince = None)
      case None =>
        generation += 1
        services(host) = Service(generation, cluster.startShuffleService(generation, host, spec, launch, post))
    }
  }

  /** @return the host, if it is the service there that listens now */
  def ready(number: Int, port: Int): Option[String] = hostOf(number).map { host =>
    services.updateWith(host)(_.map(_.copy(port = Some(port))))
    host
  }

  /** @return the host that has no service any more, if this was the one there */
  def lost(number: Int): Option[String] = hostOf(number).map { host =>
    services.remove(host).foreach(_.remote.kill())
    host
  }

  /**
   * Ends services that nobody needs.
   *
   * @param inUse whether the host has executors, or files that may still be read
   * @param patience milliseconds for which it must not be in use
   * @return the hosts of those that were ended
   */
  def release(now: Long, patience: Long)(inUse: String => Boolean): Vector[String] =
    services.toVector.flatMap { case (host, service) =>
      val since = if (inUse(host)) None else service.unusedSince.orElse(Some(now))
      if (since.exists(now - _ >= patience)) {
        service.remote.kill()
        services.remove(host)
        Some(host)
      } else {
        services(host) = service.copy(unusedSince = since)
        None
      }
    }

  /** Why executors on this host wait, if they wait for the service. */
  def waiting(host: String): Option[String] = for {
    spec <- wanted
    service <- services.get(host)
    if service.port.isEmpty
  } yield LifecycleMessages.waitsForShuffleService(host, spec.memory)

  def killAll(): Unit = {
    services.values.foreach(_.remote.kill())
    services.clear()
  }

  private def hostOf(number: Int): Option[String] = services.collectFirst {
    case (host, service) if service.number == number => host
  }
}

private[lifecycle] object ShuffleServices {
  val PortKey = "spark.shuffle.service.port"

  /**
   * @param number tells a service from an earlier one on the same host
   * @param unusedSince since when neither an executor nor a file needs it
   */
  private final case class Service(
      number: Int,
      remote: RemoteShuffleService,
      port: Option[Int] = None,
      unusedSince: Option[Long] = None)
}
