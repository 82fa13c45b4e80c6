package io.raydp.lifecycle

import java.util.concurrent.atomic.AtomicReference

import scala.jdk.CollectionConverters._

import com.fasterxml.jackson.databind.node.JsonNodeFactory
import io.raydp.process.{FolderGuard, TemporaryLibraries}
import org.apache.spark.SparkConf
import org.apache.spark.raydp.{ApplicationSecret, ProcessIdentity, ShutdownHooks, UnauthenticatedClients}
import org.slf4j.LoggerFactory

/** The entry points for Python and for Spark's cluster manager. A JVM runs one application at a time. */
object RayApplication {
  private val log = LoggerFactory.getLogger("io.raydp.lifecycle.RayApplication")
  private val current = new AtomicReference[Option[ExecutorFleet]](None)

  ShutdownHooks.afterContexts(() => shutdown())

  /**
   * Starts an application in the background before its SparkContext exists, so that Ray and the executors start while
   * the SparkContext is created.
   *
   * @param settings the settings that the SparkContext will get, including `spark.master`
   * @throws io.raydp.configuration.ConfigurationException a setting is wrong
   * @throws RayApplicationException Ray cannot satisfy the settings
   */
  def prestart(settings: java.util.Map[String, String]): Unit = {
    ProcessIdentity.nameUser()
    val conf = confOf(settings)
    ApplicationSecret.generate(conf)
    UnauthenticatedClients.limit()
    start(ApplicationSpec.parse(conf, contextExists = false), conf.get("spark.master", "ray"))
  }

  /** The application's status as JSON. After it has ended, the status of the last application. */
  def statusJson(): String = current.get.fold(ApplicationStatus.none)(_.board.current).json

  /** Like [[statusJson]], once the sequence number differs from `sequence` or the time is over. */
  def awaitChange(sequence: Long, timeoutMillis: Int): String =
    current.get.fold(ApplicationStatus.none)(_.board.await(timeoutMillis.toLong)(_.sequence != sequence)).json

  /**
   * The executors that wait for resources, as JSON, once it differs from `known` or the time is over. Empty if none does.
   * Whoever calls this tells the user, so that the driver JVM does not.
   */
  def awaitWaiting(known: String, timeoutMillis: Int): String = current.get.fold("") { fleet =>
    fleet.isFollowed = true
    val text = (status: ApplicationStatus) => status.waiting.fold("")(_.json)
    text(fleet.board.await(timeoutMillis.toLong)(text(_) != known))
  }

  /**
   * Reports what the autoscaler does for executors that no node could hold.
   *
   * @param patienceMillis how long to wait for the nodes that it adds; 0 if it adds none
   * @param said what it does, for users
   */
  def growthSeen(patienceMillis: Long, said: String): Unit =
    current.get.foreach(_.post(FleetEvent.GrowthSeen(patienceMillis, said)))

  /** The metrics that arrived since the last call, see [[io.raydp.metrics.MetricBoard.takeJson]]. */
  def takeMetricsJson(): String = current.get.fold("{}")(_.metrics.takeJson())

  /**
   * Sets the number of executors. Returns at once; the status shows the progress.
   *
   * @throws RayApplicationException no application runs here, or it has failed
   */
  def resize(count: Int): Unit =
    current.get
      .getOrElse(throw new RayApplicationException(FailureKind.Stopped, LifecycleMessages.nothingToResize))
      .resize(count)

  /** What one executor demands from Ray, as a JSON object of amounts by Ray's resource names. */
  def executorDemandJson(settings: java.util.Map[String, String]): String = {
    val root = JsonNodeFactory.instance.objectNode
    ApplicationSpec.parse(confOf(settings), contextExists = false).executor.demand.foreach { case (name, amount) =>
      root.put(name, amount)
    }
    root.toString
  }

  /** Ends the application if one runs. For callers whose SparkContext could not be created. */
  def shutdown(): Unit = current.get.foreach(_.stop())

  /** The executors for a SparkContext: those that were started for it, or new ones. */
  private[lifecycle] def forContext(conf: SparkConf, masterUrl: String): ExecutorFleet = {
    val spec = ApplicationSpec.parse(conf, contextExists = true)
    current.get match {
      case Some(started) if fits(started, spec, conf) => started
      case _ => start(spec, masterUrl)
    }
  }

  private def fits(started: ExecutorFleet, spec: ApplicationSpec, conf: SparkConf): Boolean = {
    val named = if (conf.contains("spark.raydp.app.id")) spec else spec.copy(id = started.spec.id)
    val live = started.board.current.phase != ApplicationPhase.Stopped
    if (live && started.spec != named)
      log.warn("The SparkContext has other settings than the application that was started for it, which is replaced")
    live && started.spec == named
  }

  private def start(spec: ApplicationSpec, masterUrl: String): ExecutorFleet = {
    TemporaryLibraries.redirect(FolderGuard.start())
    val effects = new RayFleetEffects(MasterUrl.address(masterUrl), spec)
    val fleet = new ExecutorFleet(spec, effects, new StatusBoard(spec.id, spec.initialExecutors))
    current.getAndSet(Some(fleet)).foreach(_.stop())
    fleet.start()
    fleet
  }

  /** Includes the settings that spark-submit has read from files, as in the SparkContext. */
  private def confOf(settings: java.util.Map[String, String]): SparkConf = new SparkConf().setAll(settings.asScala)
}
