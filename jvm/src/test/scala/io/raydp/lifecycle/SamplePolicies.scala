package io.raydp.lifecycle

import scala.util.Random

import io.raydp.configuration.RaydpConfiguration

/** Policies for the tests. They know no parameter that the tests do not name, so a new one changes nothing here. */
private[lifecycle] object SamplePolicies {

  /** That of an application without settings. */
  val default: FleetPolicy = FleetPolicy.of(RaydpConfiguration.check(Nil))

  /** For tests that wait for what happens. */
  val quick: FleetPolicy = default.copy(
    startTimeout = 60000,
    infeasibleTimeout = 60000,
    maxConsecutiveFailures = 3,
    killGrace = 200,
    backOffBase = 10,
    backOffLimit = 20)

  private val values =
    Vector("true", "false", "auto", "1", "2", "3", "5", "500ms", "7s", "20s", "120s", "300s")

  /** Every setting has some value of its form. A rule that is off by default is on in most of these policies. */
  def random(seed: Long): FleetPolicy = {
    val random = new Random(seed)
    val settings = RaydpConfiguration.settings.flatMap { setting =>
      val right = values.filter(setting.parse(_).isDefined)
      Option.when(right.nonEmpty)(setting.key -> right(random.nextInt(right.size)))
    }
    FleetPolicy.of(RaydpConfiguration.check(settings))
  }
}
