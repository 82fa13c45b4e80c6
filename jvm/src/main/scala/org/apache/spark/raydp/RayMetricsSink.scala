package org.apache.spark.raydp

import java.util.Properties
import java.util.concurrent.{Executors, TimeUnit}
import java.util.concurrent.atomic.AtomicBoolean

import scala.util.control.NonFatal

import com.codahale.metrics.MetricRegistry
import io.raydp.metrics.{MetricBoard, MetricReading, MetricReadings}
import org.apache.spark.{SparkContext, SparkEnv}
import org.apache.spark.internal.config.METRICS_NAMESPACE
import org.apache.spark.metrics.sink.Sink
import org.apache.spark.rpc.{RpcEndpointRef, RpcEnv, ThreadSafeRpcEndpoint}
import org.apache.spark.util.RpcUtils
import org.slf4j.LoggerFactory

/**
 * Sends the metrics of a driver or an executor to the driver at regular intervals. Python hands them to Ray from there.
 *
 * Spark creates one for each SparkContext and each executor. It starts one period late, to keep out of the start.
 *
 * What it uses of Spark's private API:
 *
 *  - `Sink`: Spark's metrics system creates ours as `spark.metrics.conf.*` says. The trait is private although Spark's
 *    documentation tells users how to name a sink; a public trait would replace it.
 *  - `METRICS_NAMESPACE`: the prefix of a metric's name, unless it is the application's id; a public way to resolve a
 *    setting that refers to others would replace it.
 *  - `RpcUtils`, `RpcEnv`, `ThreadSafeRpcEndpoint`: the connection to the driver. The public messages of Spark's
 *    plugins would need a plugin in `spark.plugins`, next to the user's own.
 *
 * @param properties `period`: seconds between two readings
 */
final class RayMetricsSink(properties: Properties, registry: MetricRegistry) extends Sink {
  import RayMetricsSink._

  private val periodSeconds = period(properties)
  private val warned = new AtomicBoolean
  private val reader = Executors.newSingleThreadScheduledExecutor { task =>
    val thread = new Thread(task, "raydp-metrics")
    thread.setDaemon(true)
    thread
  }
  @volatile private var route: Option[Route] = None

  override def start(): Unit = {
    reader.scheduleWithFixedDelay(() => sendMetrics(), periodSeconds, periodSeconds, TimeUnit.SECONDS)
    ()
  }

  /** Does nothing: Spark calls it when it stops, and must not wait for the driver. */
  override def report(): Unit = ()

  override def stop(): Unit = {
    reader.shutdownNow()
    ()
  }

  private def sendMetrics(): Unit =
    try {
      // There is none until Spark has told this process who it is.
      if (route.isEmpty) route = Option(SparkEnv.get).flatMap(routeOf)
      route.foreach(known =>
        known.driver.send(ExecutorMetrics(known.executor, MetricReadings.of(registry, known.prefix))))
    } catch {
      case _: InterruptedException => Thread.currentThread.interrupt() // the sink is being stopped
      case NonFatal(error) =>
        // In the driver, the connections go before the sink.
        val stopping = reader.isShutdown || SparkContext.getActive.exists(_.isStopped)
        if (!stopping && warned.compareAndSet(false, true))
          log.warn("Spark's metrics could not be sent to the driver", error)
        else log.debug("Spark's metrics could not be sent to the driver", error)
    }
}

private object RayMetricsSink {
  private val log = LoggerFactory.getLogger(classOf[RayMetricsSink])
  private val DefaultPeriod = "5"

  /** Where readings go, and the prefix of the names of this process's metrics. */
  private final case class Route(prefix: String, executor: String, driver: RpcEndpointRef)

  private def routeOf(env: SparkEnv): Option[Route] =
    env.conf.getOption("spark.app.id").map { application =>
      val namespace = env.conf.get(METRICS_NAMESPACE).getOrElse(application)
      val driver = RpcUtils.makeDriverRef(MetricsEndpoint.Name, env.conf, env.rpcEnv)
      Route(MetricRegistry.name(namespace, env.executorId) + ".", env.executorId, driver)
    }

  private def period(properties: Properties): Long = {
    val value = properties.getProperty("period", DefaultPeriod).trim
    value.toLongOption.filter(_ > 0).getOrElse(throw new IllegalArgumentException(
      s"The period of the metrics sink for Ray must be a whole number of seconds above 0. Period: $value"))
  }
}

/** The metrics of an executor or the driver. */
private final case class ExecutorMetrics(executor: String, readings: Vector[MetricReading])

/**
 * Collects in the driver what the sinks send.
 *
 * It lives as long as the driver's connections do. The scheduler's endpoint ends earlier, and Spark prints each message
 * that arrives after that, with everything in it.
 */
private final class MetricsEndpoint(override val rpcEnv: RpcEnv, board: MetricBoard) extends ThreadSafeRpcEndpoint {
  override def receive: PartialFunction[Any, Unit] = {
    case ExecutorMetrics(executor, readings) => board.tell(executor, readings)
  }
}

private object MetricsEndpoint {
  val Name = "RaydpMetrics"
}
