package io.raydp.metrics

import java.util.concurrent.atomic.AtomicReference

import com.fasterxml.jackson.databind.node.JsonNodeFactory

/** What the processes of an application told of their metrics since that was last taken. In the driver's JVM. */
final class MetricBoard {
  private val told = new AtomicReference(Map.empty[String, Vector[MetricReading]])

  /** @param executor its id, or "driver" */
  def tell(executor: String, readings: Vector[MetricReading]): Unit = {
    told.updateAndGet(_.updated(executor, readings))
    ()
  }

  /** The latest values by name by executor, as a JSON object. They go with it: who is gone tells no more. */
  def takeJson(): String = {
    val root = JsonNodeFactory.instance.objectNode
    told.getAndSet(Map.empty).foreach { case (executor, readings) =>
      val values = root.putObject(executor)
      readings.foreach(reading => values.put(reading.name, reading.value))
    }
    root.toString
  }
}
