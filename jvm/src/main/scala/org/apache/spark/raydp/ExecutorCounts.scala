package org.apache.spark.raydp

import com.codahale.metrics.{Gauge, MetricRegistry}
import org.apache.spark.SparkContext
import org.apache.spark.metrics.source.Source

/**
 * How many executors the application has in each state, as metrics of the driver. Spark creates it.
 *
 * Uses `Source`, the trait of Spark's metrics system, and `SparkContext.schedulerBackend`; a public trait, and a public
 * way to reach one's own cluster manager, would replace them.
 */
final class ExecutorCounts extends Source {
  override val sourceName: String = "raydp"
  override val metricRegistry: MetricRegistry = new MetricRegistry

  register("desired")(_.desired)
  register("pending")(_.pending)
  register("registered")(_.registered)
  register("leaving")(_.leaving)

  private def register(name: String)(count: ExecutorTotals => Int): Unit = {
    val gauge: Gauge[Int] = () => count(totals)
    metricRegistry.register(MetricRegistry.name("executors", name), gauge)
    ()
  }

  private def totals: ExecutorTotals = SparkContext.getActive.map(_.schedulerBackend) match {
    case Some(backend: RaySchedulerBackend) => backend.executorTotals
    case _ => ExecutorTotals.none
  }
}
