package io.raydp.metrics

import java.util.concurrent.atomic.AtomicReference

import com.fasterxml.jackson.databind.node.JsonNodeFactory

/** The metrics that an application's processes have sent since they were last taken. Lives in the driver's JVM. */
final class MetricBoard {
  private val latest = new AtomicReference(Map.empty[String, Vector[MetricReading]])

  /** @param executor its id, or "driver" */
  def tell(executor: String, readings: Vector[MetricReading]): Unit = {
    latest.updateAndGet(_.updated(executor, readings))
    ()
  }

  /** Removes and returns the latest values as a JSON object, by executor and name. Ended executors send no more. */
  def takeJson(): String = {
    val root = JsonNodeFactory.instance.objectNode
    latest.getAndSet(Map.empty).foreach { case (executor, readings) =>
      val values = root.putObject(executor)
      readings.foreach(reading => values.put(reading.name, reading.value))
    }
    root.toString
  }
}
