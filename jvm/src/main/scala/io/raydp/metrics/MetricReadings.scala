package io.raydp.metrics

import java.util.Locale

import scala.jdk.CollectionConverters._
import scala.util.control.NonFatal

import com.codahale.metrics.{Counting, Gauge, Metered, Metric, MetricRegistry, Sampling, Timer}
import org.slf4j.LoggerFactory

/**
 * A metric of Spark's as a number.
 *
 * @param name Spark's, in lower case with `_` between words, behind `spark_`
 */
final case class MetricReading(name: String, value: Double)

/** Reads the numbers out of a registry of Spark's. */
object MetricReadings {
  private val log = LoggerFactory.getLogger("io.raydp.metrics.MetricReadings")
  private val NanosPerSecond = 1e9

  /**
   * What the metrics say now. Some ask other processes, so that this may block.
   *
   * @param prefix what comes before the names that are the same in all applications and executors
   */
  def of(registry: MetricRegistry, prefix: String): Vector[MetricReading] =
    registry.getMetrics.asScala.toVector.flatMap { case (name, metric) =>
      val stable = nameOf(name.stripPrefix(prefix))
      numbers(name, metric).collect {
        case (suffix, value) if !value.isNaN && !value.isInfinite =>
          MetricReading(stable + suffix, value)
      }
    }

  /** Words are parted here, since Ray has all names in lower case, and characters left out that Prometheus refuses. */
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
      // Such as one that asks a part of Spark which has ended already.
      case NonFatal(error) =>
        log.debug(s"The metric $name has no value now", error)
        None
    }
}
