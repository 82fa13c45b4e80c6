package io.raydp.lifecycle

import io.raydp.configuration.{CheckedSettings, RaydpConfiguration}
import io.raydp.process.Encoding

/**
 * The parameters of the decisions about executors: how long the application waits, and how many failures it accepts. All
 * times are in milliseconds. It is a part of each snapshot.
 *
 * A new parameter is a field here, its value in `of`, and its place in `encoding`.
 */
final case class FleetPolicy(
    startTimeout: Long,
    infeasibleTimeout: Long,
    maxConsecutiveFailures: Int,
    killGrace: Long,
    backOffBase: Long,
    backOffLimit: Long) {

  /** The pause after `failures` failed starts in a row. There is none after the first. */
  def backOff(failures: Int): Long =
    if (failures <= 1) 0 else math.min(backOffLimit, backOffBase << math.min(failures - 2, 20))
}

object FleetPolicy {

  /** How long to wait by default for a node that can hold an executor. Python grants more while an autoscaler adds one. */
  private val FixedClusterMillis = 20000L

  /** The policy of an application with these settings. */
  def of(settings: CheckedSettings): FleetPolicy = FleetPolicy(
    startTimeout = settings.get(RaydpConfiguration.StartTimeout),
    infeasibleTimeout = settings.get(RaydpConfiguration.InfeasibleTimeout).getOrElse(FixedClusterMillis),
    maxConsecutiveFailures = settings.get(RaydpConfiguration.MaxConsecutiveFailures),
    killGrace = 5000,
    backOffBase = 1000,
    backOffLimit = 30000)

  private[raydp] implicit val encoding: Encoding[FleetPolicy] = Encoding.record { fields =>
    FleetPolicy(
      startTimeout = fields(_.startTimeout),
      infeasibleTimeout = fields(_.infeasibleTimeout),
      maxConsecutiveFailures = fields(_.maxConsecutiveFailures),
      killGrace = fields(_.killGrace),
      backOffBase = fields(_.backOffBase),
      backOffLimit = fields(_.backOffLimit))
  }
}
