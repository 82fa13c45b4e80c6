package io.raydp.metrics

import java.util.Locale

import scala.jdk.CollectionConverters._
import scala.util.control.NonFatal

import com.codahale.metrics.{Counting, Gauge, Metered, Metric, MetricRegistry, Sampling, Timer}
import org.slf4j.LoggerFactory

/**
 * The value of one of Spark's metrics.
 *
 * @param name `spark_` and Spark's name in lower case, with `_` between words
 */
final case class MetricReading(name: String, value: Double)

/** Reads the values of a registry of Spark's. */
object MetricReadings {
  private val log = LoggerFactory.getLogger("io.raydp.metrics.MetricReadings")
  private val NanosPerSecond = 1e9

  /**
   * The current values. Some metrics ask other processes, so this may block.
   *
   * @param prefix the part of the names that differs between applications and executors
   */
  def of(registry: MetricRegistry, prefix: String): Vector[MetricReading] =
    registry.getMetrics.asScala.toVector.flatMap { case (name, metric) =>
      val stable = nameOf(name.stripPrefix(prefix))
      numbers(name, metric).collect {
        case (suffix, value) if !value.isNaN && !value.isInfinite =>
          MetricReading(stable + suffix, value)
      }
    }

  /** Splits words, because Ray converts names to lower case, and removes characters that Prometheus rejects. */
  private def nameOf(name: String): String =
    "spark_" + name
      .replaceAll("([a-z0-9])([A-Z])", "$1_$2")
      .replaceAll("([A-Z])([A-Z][a-z])", "$1_$2")
      .replaceAll("[^a-zA-Z0-9]+", "_")
      .toLowerCase(Locale.ROOT)

  private def numbers(name: String, metric: Metric): Vector[(String, Double)] = metric match {
    case gauge: Gauge[_] => valueOf(name, gauge).map("" -> _).toVector
    case timer: Timer =>
      Vector("_count" -> timer.getCount.toDouble, "_mean_seconds" -> timer.getSnapshot.getMean / NanosPerSecond)
    case histogram: Counting with Sampling =>
      Vector("_count" -> histogram.getCount.toDouble, "_mean" -> histogram.getSnapshot.getMean)
    case meter: Metered => Vector("_count" -> meter.getCount.toDouble, "_mean_rate" -> meter.getMeanRate)
    case counter: Counting => Vector("" -> counter.getCount.toDouble)
    case _ => Vector.empty
  }

  private def valueOf(name: String, gauge: Gauge[_]): Option[Double] =
    try gauge.getValue match {
        case number: java.lang.Number => Some(number.doubleValue)
        case flag: java.lang.Boolean => Some(if (flag) 1 else 0)
        case _ => None
      }
    catch {
      // For example, a metric that asks a part of Spark that has already stopped.
      case NonFatal(error) =>
        log.debug(s"The metric $name has no value now", error)
        None
    }
}
