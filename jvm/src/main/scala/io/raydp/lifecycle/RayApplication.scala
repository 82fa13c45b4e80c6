package io.raydp.lifecycle

import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicReference

import scala.jdk.CollectionConverters._

import com.fasterxml.jackson.databind.node.JsonNodeFactory
import io.raydp.metrics.{MetricBoard, MetricReading}
import org.apache.spark.SparkConf
import org.apache.spark.raydp.{ApplicationSecret, SparkCoreInternals}
import org.slf4j.LoggerFactory

/**
 * One Spark application on Ray, in the driver's JVM.
 *
 * May be started before its SparkContext, so that Ray and the executors boot while that is made.
 */
final class RayApplication private (val spec: ApplicationSpec, master: String) {
  private val board = new StatusBoard(spec.id, spec.initialExecutors)
  private val fleet = new ExecutorFleet(spec, new NativeRayCluster(MasterUrl.address(master), spec), board)
  private val startedAt = System.nanoTime

  /** Deletes folders when this JVM has ended. */
  lazy val folders: FolderGuard = FolderGuard.start()
  private val scheduler = new AtomicReference[Option[SchedulerLink]](None)

  /** What the application's processes tell of their metrics. */
  val metrics = new MetricBoard

  def id: String = spec.id

  def coresPerExecutor: Int = spec.executor.cores

  def status: ApplicationStatus = board.current

  /** The scheduler is there and wants `desired` executors. */
  def attach(link: SchedulerLink, desired: Int): Unit = {
    scheduler.set(Some(link))
    fleet.post(FleetEvent.Attached(link, desired))
    board.current.failure.foreach(error => throw error)
  }

  /** Spark wants this many executors in all. */
  def desire(count: Int): Unit = fleet.post(FleetEvent.Desired(count))

  /** Spark has told these executors to stop. */
  def doom(ids: Seq[Int]): Unit = fleet.post(FleetEvent.Doomed(ids))

  /** Spark gives these executors no more tasks, and they end when they have none left. */
  def leave(ids: Seq[Int]): Unit = fleet.post(FleetEvent.Leaving(ids))

  def expects(id: Int): Boolean = fleet.expects(id)

  def registered(id: Int): Unit = fleet.post(FleetEvent.Registered(id))

  def ending(id: Int, outcome: ExecutorOutcome): Unit = fleet.post(FleetEvent.Ending(id, outcome))

  def disconnected(id: Int): Unit = fleet.post(FleetEvent.Disconnected(id))

  /**
   * Waits for executors, for a part of a second.
   *
   * @param count how many must be registered
   * @param patienceMillis after this time since the application's start one is enough
   * @return whether there are enough
   * @throws RayApplicationException the application failed
   */
  def awaitRegistered(count: Int, patienceMillis: Long): Boolean = {
    val patient = TimeUnit.NANOSECONDS.toMillis(System.nanoTime - startedAt) < patienceMillis
    val enough = if (patient) count else math.min(1, count)
    val seen =
      board.await(RayApplication.PauseMillis)(status => status.failure.isDefined || status.registered >= enough)
    seen.failure.foreach(error => throw error)
    seen.registered >= enough
  }

  /** Ends all actors and leaves the cluster; bounded and idempotent. */
  def stop(): Unit = fleet.stop()
}

/** The entry points for Python and for Spark's cluster manager. There is one application per JVM at a time. */
object RayApplication {
  private val PauseMillis = 500L
  private val log = LoggerFactory.getLogger(classOf[RayApplication])
  private val current = new AtomicReference[Option[RayApplication]](None)

  SparkCoreInternals.afterContexts(() => shutdown())

  /**
   * Starts an application in the background, before its SparkContext exists.
   *
   * @param settings those that the SparkContext will get, `spark.master` among them
   * @throws io.raydp.configuration.ConfigurationException a setting is wrong
   * @throws RayApplicationException the settings make no sense for Ray
   */
  def prestart(settings: java.util.Map[String, String]): Unit = {
    val conf = confOf(settings)
    ApplicationSecret.generate(conf)
    start(ApplicationSpec.parse(conf, contextExists = false), conf.get("spark.master", "ray"))
  }

  /** The status; that of the last application if it has ended. */
  def status: ApplicationStatus = current.get.fold(ApplicationStatus.none)(_.status)

  /** As [[status]], as JSON. */
  def statusJson(): String = status.json

  /** As [[statusJson]], once its sequence number is another than `sequence` or the time is over. */
  def awaitChange(sequence: Long, timeoutMillis: Int): String =
    current.get match {
      case Some(application) => application.board.await(timeoutMillis.toLong)(_.sequence != sequence).json
      case None => status.json
    }

  /** Hands on what a process of the application says of its metrics. */
  def tellMetrics(executor: String, readings: Vector[MetricReading]): Unit =
    current.get.foreach(_.metrics.tell(executor, readings))

  /** What was told of metrics since the last call, see [[MetricBoard.takeJson]]. */
  def takeMetricsJson(): String = current.get.fold("{}")(_.metrics.takeJson())

  /**
   * Sets the number of executors by hand. Returns at once; the status tells what becomes of it.
   *
   * @throws RayApplicationException no application runs here, or it failed
   */
  def resize(count: Int): Unit = current.get.flatMap(_.scheduler.get) match {
    case Some(link) =>
      status.failure.foreach(error => throw error)
      link.resize(count)
    case None => throw new RayApplicationException(FailureKind.Stopped, LifecycleMessages.nothingToResize)
  }

  /** What one executor demands of Ray, as a JSON object of amounts by Ray's resource names. */
  def executorDemandJson(settings: java.util.Map[String, String]): String = {
    val root = JsonNodeFactory.instance.objectNode
    ApplicationSpec.parse(confOf(settings), contextExists = false).executor.demand.foreach { case (name, amount) =>
      root.put(name, amount)
    }
    root.toString
  }

  /** Ends the application if there is one, for callers whose SparkContext did not come to be. */
  def shutdown(): Unit = current.get.foreach(_.stop())

  /** The application for a SparkContext: the one that was started for it, or a new one. */
  def forContext(conf: SparkConf, master: String): RayApplication = {
    val spec = ApplicationSpec.parse(conf, contextExists = true)
    current.get match {
      case Some(started) if fits(started, spec, conf) => started
      case _ => start(spec, master)
    }
  }

  private def fits(started: RayApplication, spec: ApplicationSpec, conf: SparkConf): Boolean = {
    val named = if (conf.contains("spark.raydp.app.id")) spec else spec.copy(id = started.id)
    val live = started.status.phase != ApplicationPhase.Stopped
    if (live && started.spec != named) log.warn("The application was started ahead with other settings and is replaced")
    live && started.spec == named
  }

  private def start(spec: ApplicationSpec, master: String): RayApplication = {
    val application = new RayApplication(spec, master)
    current.getAndSet(Some(application)).foreach(_.stop())
    application.fleet.start()
    application
  }

  /** With what spark-submit has read from files, as the SparkContext's own. */
  private def confOf(settings: java.util.Map[String, String]): SparkConf = new SparkConf().setAll(settings.asScala)
}
