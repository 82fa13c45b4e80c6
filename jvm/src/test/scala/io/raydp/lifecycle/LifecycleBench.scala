package io.raydp.lifecycle

import java.lang.management.ManagementFactory
import java.util.concurrent.TimeUnit

import io.raydp.process.{Encoding, ExecutorOutcome}
import org.apache.spark.SparkConf
import org.apache.spark.raydp.DriverScheduler

/**
 * What executors cost the driver and the AppMaster: a program that `bench/lifecycle.py` starts.
 *
 * Ray's calls are simulated; the snapshots, their bytes, the decisions and the fleet's thread are the real thing. For
 * each number of executors it prints a line of comma-separated values, the names of which are in the first line.
 */
object LifecycleBench {
  private[lifecycle] val Columns =
    "executors,start_ms,replace_ms,decisions_start,decisions_replace,launches,snapshot_bytes,codec_us,decide_us," +
      "fleet_cpu_ms"
  private val Patience = 120000L
  private val Decisions = 200

  def main(counts: Array[String]): Unit = {
    println(Columns)
    run(50) // brings the code to speed
    counts.foreach(count => println(run(count.toInt)))
  }

  /** Starts so many executors, has half of them die at once, and measures both, and single decisions. */
  private[lifecycle] def run(count: Int): String = {
    val cluster = new SimulatedFleetEffects
    val application = new Application(count, cluster)
    val cpuBefore = processCpuMillis()
    val start = timed(application.begin())(application.awaitRegistered(count, newest = count))
    val decidedAtStart = cluster.decisions.get
    val replace = timed((1 to count / 2).foreach(cluster.die))(
      application.awaitRegistered(count, newest = count + count / 2))
    val cpu = processCpuMillis() - cpuBefore
    val decided = cluster.decisions.get - decidedAtStart
    val launches = cluster.requested.get
    application.fleet.post(FleetEvent.Stop)
    cluster.ids.foreach(cluster.end)
    application.fleet.stop()
    val snapshot = almostComplete(count)
    val bytes = Encoding.encode(snapshot)
    val codec = microseconds(Encoding.decode[FleetSnapshot](Encoding.encode(snapshot)))
    val decide = microseconds(Reconciler.decide(snapshot))
    f"$count,$start,$replace,$decidedAtStart,$decided,$launches,${bytes.length},$codec%.1f,$decide%.1f,$cpu"
  }

  private final class Application(count: Int, cluster: SimulatedFleetEffects) extends DriverScheduler {
    private val spec = ApplicationSpec
      .parse(new SparkConf(false).set("spark.executor.instances", count.toString), contextExists = false)
    private val board = new StatusBoard(spec.id, count)
    val fleet = new ExecutorFleet(spec, cluster, board)

    def begin(): Unit = {
      fleet.start()
      fleet.post(FleetEvent.Attached(this, count))
    }

    def awaitRegistered(registered: Int, newest: Int): Unit = {
      val enough = (status: ApplicationStatus) =>
        status.registered == registered && status.executors.exists(_.id == newest)
      val status = board.await(Patience)(enough)
      if (!enough(status)) throw new IllegalStateException(s"$registered executors did not register: $status")
    }

    override def driverUrl: String = "spark://driver"
    override def executorProperties: Map[String, String] = Map.empty
    override def tasksFinished: Long = 0
    override def resize(count: Int): Unit = fleet.post(FleetEvent.Desired(count))
    override def holdsShuffleFiles(host: String): Boolean = false
    override def filesLost(host: String, reason: String): Unit = ()
    override def executorLost(id: Int, outcome: ExecutorOutcome): Unit = ()
    override def failed(error: RuntimeException): Unit = throw error
  }

  /** All executors registered but one, for which there is something to decide. */
  private def almostComplete(count: Int): FleetSnapshot = {
    val demand = Map("CPU" -> 1.0, "memory" -> 1e9)
    val empty = FleetSnapshot.initial(0, count, Some(demand), SamplePolicies.default)
    (1 until count).foldLeft(empty)((fleet, id) => fleet.launched.processStarted(id).registered(id))
  }

  private def timed(action: => Unit)(end: => Unit): Long = {
    val start = System.nanoTime
    action
    end
    TimeUnit.NANOSECONDS.toMillis(System.nanoTime - start)
  }

  /** The median of many calls. */
  private def microseconds(call: => AnyRef): Double = {
    val times = Vector.fill(Decisions) {
      val start = System.nanoTime
      if (call == null) throw new IllegalStateException("a call returned nothing")
      System.nanoTime - start
    }
    times.sorted.apply(Decisions / 2) / 1000.0
  }

  private def processCpuMillis(): Long = ManagementFactory.getOperatingSystemMXBean match {
    case system: com.sun.management.OperatingSystemMXBean => TimeUnit.NANOSECONDS.toMillis(system.getProcessCpuTime)
    case other => throw new IllegalStateException(s"this JVM does not tell its processor time: $other")
  }
}
