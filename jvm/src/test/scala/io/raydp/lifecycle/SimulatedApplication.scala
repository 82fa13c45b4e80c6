package io.raydp.lifecycle

import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.atomic.AtomicLong

import io.raydp.process.ExecutorOutcome
import org.apache.spark.SparkConf
import org.apache.spark.raydp.DriverScheduler
import org.scalatest.Assertions.assert

/** An application on a simulated cluster: the fleet is real, and this takes the place of Spark's scheduler. */
private[lifecycle] final class SimulatedApplication(
    executors: Int,
    val cluster: SimulatedFleetEffects,
    placement: Option[PlacementSpec],
    settings: Map[String, String]) extends DriverScheduler {
  private val parsed = ApplicationSpec
    .parse(
      new SparkConf(false).set("spark.executor.instances", executors.toString).setAll(settings),
      contextExists = false)
  val spec: ApplicationSpec = parsed
    .copy(executor = parsed.executor.copy(placement = placement))
    .copy(policy = SamplePolicies.quick)
  val board = new StatusBoard(spec.id, executors)
  val fleet = new ExecutorFleet(spec, cluster, board)
  val losses = new LinkedBlockingQueue[(Int, ExecutorOutcome)]
  val hostsLost = new LinkedBlockingQueue[String]
  val failures = new LinkedBlockingQueue[RuntimeException]
  val finished = new AtomicLong

  /** Runs whenever the fleet asks or tells the scheduler something. */
  @volatile var onCall: String => Unit = _ => ()

  override def driverUrl: String = "spark://driver"
  override def executorProperties: Map[String, String] = {
    onCall("executorProperties")
    Map.empty
  }
  override def tasksFinished: Long = finished.get
  override def resize(count: Int): Unit = fleet.post(FleetEvent.Desired(count))
  override def holdsShuffleFiles(host: String): Boolean = true
  override def filesLost(host: String, reason: String): Unit = {
    hostsLost.put(host)
    onCall("filesLost")
  }
  override def executorLost(id: Int, outcome: ExecutorOutcome): Unit = {
    losses.put((id, outcome))
    onCall("executorLost")
  }
  override def failed(error: RuntimeException): Unit = {
    failures.put(error)
    onCall("failed")
  }

  def begin(): Unit = {
    fleet.start()
    fleet.post(FleetEvent.Attached(this, executors))
  }

  def await(what: String)(holds: ApplicationStatus => Boolean): ApplicationStatus = {
    val status = board.await(SimulatedApplication.Patience)(holds)
    assert(holds(status), s"waited for: $what; there is: $status")
    status
  }

  /** Waits until so many AppMasters have decided. */
  def awaitDecisions(appMasters: Int): ApplicationStatus =
    await(s"decisions of $appMasters AppMasters")(_.events.count(_.text == "the AppMaster decides") == appMasters)

  def awaitRegistered(count: Int): ApplicationStatus =
    await(s"$count registered executors")(status =>
      status.registered == count && status.executors.count(_.state != "lost") == count)

  /** Waits until this executor is registered. */
  def awaitExecutor(id: Int): ApplicationStatus =
    await(s"executor $id")(_.executors.exists(executor => executor.id == id && executor.state == "registered"))

  def awaitFailure(): RayApplicationException = await("the failure")(_.failure.isDefined).failure.get
}

private[lifecycle] object SimulatedApplication {
  val Patience = 30000L

  /** Runs a test with an application, ends the application, and checks that nothing of it is left in the cluster. */
  def running(
      executors: Int,
      cluster: SimulatedFleetEffects = new SimulatedFleetEffects,
      placement: Option[PlacementSpec] = None,
      settings: Map[String, String] = Map.empty)(test: SimulatedApplication => Unit): Unit = {
    val application = new SimulatedApplication(executors, cluster, placement, settings)
    application.begin()
    try test(application)
    finally {
      application.fleet.post(FleetEvent.Stop)
      cluster.ids.foreach(cluster.end) // as Spark's message to stop makes them do
      application.fleet.stop()
    }
    assert(cluster.living.isEmpty, "executors were left")
    assert(cluster.appMasters.forall(_.isDead), "an AppMaster was left")
    assert(cluster.closed.get == 1, "the cluster was not left once")
  }
}
