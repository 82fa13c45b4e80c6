package io.raydp.process

/**
 * What a shuffle service needs to start. It travels as an argument, because the properties may contain a secret.
 *
 * @param properties Spark settings about authentication, networks and shuffles
 */
final case class ShuffleServiceLaunch(applicationId: String, properties: Map[String, String]) {

  /** Without the properties. */
  override def toString: String = s"ShuffleServiceLaunch($applicationId)"
}

object ShuffleServiceLaunch {
  private[raydp] implicit val encoding: Encoding[ShuffleServiceLaunch] =
    Encoding.record(fields => ShuffleServiceLaunch(fields(_.applicationId), fields(_.properties)))
}

/** The port that a shuffle service listens on, or on the left, why it does not. */
final case class ShuffleServiceAnswer(port: Either[String, Int])

object ShuffleServiceAnswer {
  private[raydp] implicit val encoding: Encoding[ShuffleServiceAnswer] =
    Encoding.record(fields => ShuffleServiceAnswer(fields(_.port)))
}
