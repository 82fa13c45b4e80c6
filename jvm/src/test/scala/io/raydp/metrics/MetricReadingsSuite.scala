package io.raydp.metrics

import java.util.concurrent.TimeUnit

import com.codahale.metrics.{Gauge, MetricRegistry}
import org.scalatest.funsuite.AnyFunSuite

final class MetricReadingsSuite extends AnyFunSuite {
  private def gauge(registry: MetricRegistry, name: String)(value: => Any): Unit = {
    val made: Gauge[Any] = () => value
    registry.register(name, made)
    ()
  }

  private def read(registry: MetricRegistry): Map[String, Double] =
    MetricReadings.of(registry, "app-1.2.").map(reading => reading.name -> reading.value).toMap

  test("each kind of metric gives its numbers") {
    val registry = new MetricRegistry
    gauge(registry, "long")(7L)
    gauge(registry, "flag")(true)
    registry.counter("counter").inc(3)
    registry.meter("meter").mark(4)
    registry.histogram("histogram").update(10)
    registry.histogram("histogram").update(20)
    registry.timer("timer").update(1500, TimeUnit.MILLISECONDS)
    val found = read(registry)
    assert(found - "spark_meter_mean_rate" == Map(
      "spark_long" -> 7.0,
      "spark_flag" -> 1.0,
      "spark_counter" -> 3.0,
      "spark_meter_count" -> 4.0,
      "spark_histogram_count" -> 2.0,
      "spark_histogram_mean" -> 15.0,
      "spark_timer_count" -> 1.0,
      "spark_timer_mean_seconds" -> 1.5))
    assert(found("spark_meter_mean_rate") > 0)
  }

  test("names lose what is of one application and have their words apart") {
    val names = Map(
      "app-1.2.DAGScheduler.job.allJobs" -> "spark_dag_scheduler_job_all_jobs",
      "app-1.2.BlockManager.memory.maxMem_MB" -> "spark_block_manager_memory_max_mem_mb",
      "app-1.2.ExecutorMetrics.JVMHeapMemory" -> "spark_executor_metrics_jvm_heap_memory",
      "app-1.2.NettyBlockTransfer.shuffle-client.used" -> "spark_netty_block_transfer_shuffle_client_used",
      "app-1.2.filesystem.s3a.read_bytes" -> "spark_filesystem_s3a_read_bytes",
      "app-1.22.of-another" -> "spark_app_1_22_of_another")
    names.foreach { case (given, expected) =>
      val registry = new MetricRegistry
      registry.counter(given)
      assert(read(registry).keySet == Set(expected))
    }
  }

  test("what is no number or cannot be told now is left out") {
    val registry = new MetricRegistry
    gauge(registry, "text")("a")
    gauge(registry, "none")(null)
    gauge(registry, "nan")(Double.NaN)
    gauge(registry, "failing")(throw new IllegalStateException("stopped"))
    gauge(registry, "number")(1.5f)
    assert(read(registry) == Map("spark_number" -> 1.5))
  }
}
