package io.raydp.exchange

import scala.jdk.CollectionConverters._

import com.fasterxml.jackson.databind.JsonNode
import io.raydp.configuration.{RaydpConfiguration, Setting}

/**
 * The waits of a task for its agent, and the setting that bounds each of them.
 *
 * The bounds travel with each request and are not read from Spark's configuration: an application that raydp joined
 * later was started without them.
 *
 * @param millis the bounds by their settings' keys; `_OF_TASKS` of `waits.py` lists these settings
 */
final case class TaskWaits(millis: Map[String, Int]) {

  /** For one attempt to connect. */
  def connection: AgentWait = boundedBy(RaydpConfiguration.ExchangeTimeout)

  /** Until the agent has accepted, or stored, one block. */
  def block: AgentWait = boundedBy(RaydpConfiguration.ExchangeTimeout)

  /** Until the agent has answered one read request. */
  def read: AgentWait = boundedBy(RaydpConfiguration.ExchangeTimeout)

  private def boundedBy(setting: Setting[Long]): AgentWait =
    new AgentWait(millis(setting.key), setting.key)
}

object TaskWaits {

  /** Parses Python's request: seconds by the settings' keys. */
  private[exchange] def parse(seconds: JsonNode): TaskWaits = TaskWaits(
    seconds.fieldNames.asScala
      .map(key => key -> math.min(seconds.required(key).asDouble * 1000, Int.MaxValue.toDouble).toInt)
      .toMap)
}
