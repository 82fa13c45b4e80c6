package org.apache.spark.raydp

import java.util.Properties
import java.util.concurrent.{Executors, TimeUnit}
import java.util.concurrent.atomic.AtomicBoolean

import scala.util.control.NonFatal

import com.codahale.metrics.{Gauge, MetricRegistry}
import io.raydp.lifecycle.{ApplicationStatus, ExecutorPhase, RayApplication}
import io.raydp.metrics.{MetricReading, MetricReadings}
import org.apache.spark.{SparkContext, SparkEnv}
import org.apache.spark.internal.config.METRICS_NAMESPACE
import org.apache.spark.metrics.sink.Sink
import org.apache.spark.metrics.source.Source
import org.apache.spark.rpc.RpcEndpointRef
import org.apache.spark.scheduler.cluster.CoarseGrainedSchedulerBackend
import org.apache.spark.util.RpcUtils
import org.slf4j.LoggerFactory

/*
 * Spark's metrics on their way to Ray. What is used of Spark's own packages, why, and what would replace it in public:
 *
 *  - Sink, Source: the traits of Spark's metrics system, which makes ours as `spark.metrics.conf.*` says. Spark keeps
 *    them to itself although its documentation tells how to name one; public traits would replace them.
 *  - METRICS_NAMESPACE: what metrics are named after where it is not the application; a public way to resolve a
 *    setting that refers to others would replace it.
 *  - RpcUtils, CoarseGrainedSchedulerBackend: an executor's way to the driver, on which the executor came up as well.
 *    Messages of plugins, which are public, would need a plugin in `spark.plugins` beside the user's.
 */

/**
 * Tells the driver's JVM the metrics of a driver or an executor, again and again; from there Python gives them to Ray.
 *
 * Made by Spark for each SparkContext and each executor. Begins one period after the start, to cost that nothing.
 *
 * @param properties `period`: seconds between two readings
 */
final class RayMetricsSink(properties: Properties, registry: MetricRegistry) extends Sink {
  import RayMetricsSink._

  private val periodSeconds = period(properties)
  private val troubled = new AtomicBoolean
  private val reader = Executors.newSingleThreadScheduledExecutor { task =>
    val thread = new Thread(task, "raydp-metrics")
    thread.setDaemon(true)
    thread
  }
  @volatile private var route: Option[Route] = None

  override def start(): Unit = {
    reader.scheduleWithFixedDelay(() => tell(), periodSeconds, periodSeconds, TimeUnit.SECONDS)
    ()
  }

  /** Nothing: Spark calls it when it stops, which waits for nobody. */
  override def report(): Unit = ()

  override def stop(): Unit = {
    reader.shutdownNow()
    ()
  }

  private def tell(): Unit =
    try {
      // Not there while Spark has not told this process who it is.
      if (route.isEmpty) route = Option(SparkEnv.get).flatMap(routeOf)
      route.foreach(known => known.send(MetricReadings.of(registry, known.prefix)))
    } catch {
      case _: InterruptedException => Thread.currentThread.interrupt() // it is being stopped
      case NonFatal(error) =>
        if (!reader.isShutdown && troubled.compareAndSet(false, true))
          log.warn("Spark's metrics do not get to Ray", error)
        else log.debug("Spark's metrics do not get to Ray", error)
    }
}

private object RayMetricsSink {
  private val log = LoggerFactory.getLogger(classOf[RayMetricsSink])
  private val DefaultPeriod = "5"

  /** Where readings go, and what the names of this process's metrics begin with. */
  private final case class Route(prefix: String, send: Vector[MetricReading] => Unit)

  private def routeOf(env: SparkEnv): Option[Route] =
    env.conf.getOption("spark.app.id").map { application =>
      val namespace = env.conf.get(METRICS_NAMESPACE).getOrElse(application)
      Route(
        MetricRegistry.name(namespace, env.executorId) + ".",
        if (env.executorId == SparkContext.DRIVER_IDENTIFIER) RayApplication.tellMetrics(env.executorId, _)
        else sending(env.executorId, driverOf(env)))
    }

  private def driverOf(env: SparkEnv): RpcEndpointRef =
    RpcUtils.makeDriverRef(CoarseGrainedSchedulerBackend.ENDPOINT_NAME, env.conf, env.rpcEnv)

  private def sending(executor: String, driver: RpcEndpointRef)(readings: Vector[MetricReading]): Unit =
    driver.send(ExecutorMetrics(executor, readings))

  private def period(properties: Properties): Long = {
    val value = properties.getProperty("period", DefaultPeriod).trim
    value.toLongOption.filter(_ > 0).getOrElse(throw new IllegalArgumentException(
      s"The period of the metrics sink for Ray must be a whole number of seconds above 0. Period: $value"))
  }
}

/** What an executor says of its metrics; the driver's endpoint takes it. */
private final case class ExecutorMetrics(executor: String, readings: Vector[MetricReading])

/** The application's executors by what they are doing, as metrics of the driver. Made by Spark. */
final class ExecutorCounts extends Source {
  override val sourceName: String = "raydp"
  override val metricRegistry: MetricRegistry = new MetricRegistry

  count("desired")(_.desired)
  count("pending")(_.executors.count(one => !one.leaving && ExecutorCounts.Pending(one.state)))
  count("registered")(_.executors.count(one => !one.leaving && one.state == ExecutorPhase.Registered.name))
  count("leaving")(_.executors.count(_.leaving))

  private def count(name: String)(of: ApplicationStatus => Int): Unit = {
    val gauge: Gauge[Int] = () => of(RayApplication.status)
    metricRegistry.register(MetricRegistry.name("executors", name), gauge)
    ()
  }
}

private object ExecutorCounts {
  private val Pending = Set[String](ExecutorPhase.Requested.name, ExecutorPhase.Booting.name)
}
