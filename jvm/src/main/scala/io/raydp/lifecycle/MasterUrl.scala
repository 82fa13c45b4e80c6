package io.raydp.lifecycle

/** raydp's master URLs: `ray` and `ray:HOST:PORT`. */
object MasterUrl {
  private val address = raw"ray:((?:\[[0-9a-fA-F:]+\]|[^:/\s\[\]]+):\d{1,5})".r

  def isOurs(url: String): Boolean = url == "ray" || url.startsWith("ray:")

  /**
   * @return `HOST:PORT` of the cluster's global control service
   * @throws RayApplicationException the URL is malformed, is Ray Client's, or names no cluster and none is known
   */
  def address(url: String): String = url match {
    case "ray" => known.getOrElse(throw invalid(LifecycleMessages.noAddress))
    case address(hostAndPort) if hostAndPort.substring(hostAndPort.lastIndexOf(':') + 1).toInt < (1 << 16) =>
      hostAndPort
    case client if client.startsWith("ray://") => throw invalid(LifecycleMessages.rayClient(client))
    case other => throw invalid(LifecycleMessages.malformedMaster(other))
  }

  private def known: Option[String] =
    Option(System.getProperty("ray.address")).orElse(Option(System.getenv("RAY_ADDRESS"))).map(_.trim).filter(
      _.nonEmpty)

  private def invalid(message: String) = new RayApplicationException(FailureKind.InvalidConfiguration, message)
}
