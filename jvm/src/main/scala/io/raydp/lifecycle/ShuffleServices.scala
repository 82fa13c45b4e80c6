package io.raydp.lifecycle

import scala.collection.mutable

import io.raydp.process.ShuffleServiceLaunch
import org.slf4j.LoggerFactory

/**
 * The shuffle services of an application, if it uses them: one for each host that has executors.
 *
 * An executor joins the driver once its host's service listens, because its settings name the port. A service keeps the
 * files of executors that have ended. It ends when its host has had no executor for a while and no file that Spark still
 * knows; then Ray's autoscaler can remove the node. Only the fleet's thread uses it.
 */
private[lifecycle] final class ShuffleServices(
    spec: Option[ShuffleServiceSpec],
    effects: FleetEffects,
    post: FleetEvent => Unit) {
  import ShuffleServices.Service

  private val isolated = new Isolation(LoggerFactory.getLogger(classOf[ShuffleServices]))
  private val services = mutable.Map.empty[String, Service]
  private var lastId = 0

  def nonEmpty: Boolean = services.nonEmpty

  /** Settings that tell an executor on this host where its service is. None until the service listens. */
  def settings(host: String): Option[Map[String, String]] =
    services.get(host).flatMap(_.port).map(port => Map(ShuffleServices.PortKey -> port.toString))

  /** This host has executors. A service that cannot be requested from Ray is lost. */
  def need(host: String, launch: => ShuffleServiceLaunch): Unit = spec.foreach { service =>
    services.get(host) match {
      case Some(running) => services(host) = running.copy(unusedSince = None)
      case None =>
        lastId += 1
        val remote =
          try effects.startShuffleService(lastId, host, service, launch, post)
          catch {
            case Isolation.Failure(error) =>
              post(FleetEvent.ShuffleServiceLost(lastId, LifecycleMessages.notRequested(error)))
              ShuffleServices.Unavailable
          }
        services(host) = Service(lastId, remote)
    }
  }

  /** @return the service's host, if the service is still the current one there */
  def ready(serviceId: Int, port: Int): Option[String] = hostOf(serviceId).map { host =>
    services.updateWith(host)(_.map(_.copy(port = Some(port))))
    host
  }

  /** @return the service's host, if the service was the current one there */
  def lost(serviceId: Int): Option[String] = hostOf(serviceId).map { host =>
    services.remove(host).foreach(kill(host, _))
    host
  }

  /**
   * Ends the services that are not needed.
   *
   * @param inUse whether the host has executors, or files that may still be read
   * @param patience how long a host must be unused, in milliseconds
   * @return the hosts of the services that were ended
   */
  def release(now: Long, patience: Long)(inUse: String => Boolean): Vector[String] =
    services.toVector.flatMap { case (host, service) =>
      val since = if (inUse(host)) None else service.unusedSince.orElse(Some(now))
      if (since.exists(now - _ >= patience)) {
        kill(host, service)
        services.remove(host)
        Some(host)
      } else {
        services(host) = service.copy(unusedSince = since)
        None
      }
    }

  /** Why executors on this host wait, if they wait for its service. */
  def waiting(host: String): Option[String] = for {
    specified <- spec
    service <- services.get(host)
    if service.port.isEmpty
  } yield LifecycleMessages.waitsForShuffleService(host, specified.memory)

  def killAll(): Unit = {
    services.foreach { case (host, service) => kill(host, service) }
    services.clear()
  }

  private def kill(host: String, service: Service): Unit =
    isolated(s"The shuffle service of $host could not be ended")(service.remote.kill())

  private def hostOf(serviceId: Int): Option[String] = services.collectFirst {
    case (host, service) if service.id == serviceId => host
  }
}

private[lifecycle] object ShuffleServices {
  val PortKey = "spark.shuffle.service.port"

  /** Stands for a service that could not even be requested from Ray. */
  private object Unavailable extends RemoteShuffleService {
    override def kill(): Unit = ()
  }

  /**
   * @param id distinguishes a service from an earlier one on the same host
   * @param unusedSince since when neither an executor nor a file needs it
   */
  private final case class Service(
      id: Int,
      remote: RemoteShuffleService,
      port: Option[Int] = None,
      unusedSince: Option[Long] = None)
}
