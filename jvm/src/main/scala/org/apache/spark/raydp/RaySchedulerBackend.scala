package org.apache.spark.raydp

import java.util.concurrent.atomic.AtomicLong

import scala.concurrent.Future
import scala.util.control.NonFatal

import io.raydp.process.ExecutorOutcome
import org.apache.spark.{MapOutputTrackerMaster, SecurityManager, SparkConf, SparkContext, TaskState}
import org.apache.spark.internal.config.{
  DECOMMISSION_ENABLED,
  DRIVER_HOST_ADDRESS,
  DRIVER_PORT,
  SCHEDULER_MAX_REGISTERED_RESOURCE_WAITING_TIME,
  SCHEDULER_MIN_REGISTERED_RESOURCES_RATIO
}
import org.apache.spark.resource.ResourceProfile
import org.apache.spark.rpc.{RpcAddress, RpcCallContext, RpcEndpointAddress}
import org.apache.spark.scheduler.{
  ExecutorDecommission,
  ExecutorDecommissionInfo,
  ExecutorExited,
  ExecutorKilled,
  TaskSchedulerImpl
}
import org.apache.spark.scheduler.cluster.CoarseGrainedClusterMessages.{LaunchedExecutor, StatusUpdate}
import org.apache.spark.scheduler.cluster.CoarseGrainedSchedulerBackend

/**
 * Connects Spark's scheduler to the provider of its executors. It passes on how many executors Spark needs and what
 * became of them, and decides nothing.
 *
 * What it uses of Spark's private API:
 *
 *  - `CoarseGrainedSchedulerBackend`, `TaskSchedulerImpl`: the only way to add a cluster manager to Spark; a public
 *    cluster manager API would replace them.
 *  - `SparkConf.isExecutorStartupConf`, `SecurityManager`: the settings that an executor needs before it can ask for the
 *    rest; a public list would replace them.
 *  - `MapOutputTrackerMaster.shuffleStatuses`: whether the shuffle files of a host are still needed; a public view of
 *    where shuffle files are would replace it.
 */
private final class RaySchedulerBackend(scheduler: TaskSchedulerImpl, sc: SparkContext, provider: ExecutorProvider)
    extends CoarseGrainedSchedulerBackend(scheduler, sc.env.rpcEnv)
    with DriverScheduler {
  private val initialExecutors = ExecutorSettings.initialExecutors(conf)
  private val ratio = conf.get(SCHEDULER_MIN_REGISTERED_RESOURCES_RATIO).getOrElse(0.0)
  private val finished = new AtomicLong
  @volatile private var wasReady = false

  override def applicationId(): String = provider.applicationId

  override def start(): Unit = {
    super.start()
    LocalFolders.protect(sc.env, provider.folders, provider.folders)
    rpcEnv.setupEndpoint(MetricsEndpoint.Name, new MetricsEndpoint(rpcEnv, provider.metrics))
    provider.attach(this, initialExecutors)
    // Spark computes later requests and kills relative to this number, which would otherwise be 0.
    requestDefaultExecutors(initialExecutors)
  }

  override def stop(): Unit =
    try super.stop()
    finally provider.stop()

  override def doRequestTotalExecutors(totals: Map[ResourceProfile, Int]): Future[Boolean] = {
    val (default, others) = totals.partition { case (profile, _) =>
      profile.id == ResourceProfile.DEFAULT_RESOURCE_PROFILE_ID
    }
    if (others.values.exists(_ > 0)) {
      Future.failed(new UnsupportedOperationException(
        "On Ray, all executors have the application's default resources. Remove the stage's resource profile. Profiles: " +
          others.keys.map(_.id).mkString(", ")))
    } else {
      provider.setDesired(default.values.sum)
      Future.successful(true)
    }
  }

  override def doKillExecutors(executorIds: Seq[String]): Future[Boolean] = {
    // Removing an executor also tells it to stop. The provider kills those that do not.
    executorIds.foreach(removeExecutor(_, ExecutorKilled))
    provider.toldToStop(executorIds.map(_.toInt))
    Future.successful(true)
  }

  /** Decommissioned executors finish their tasks and hand over their blocks. They are replaced at once. */
  override def decommissionExecutors(
      executors: Array[(String, ExecutorDecommissionInfo)],
      adjustTargetNumExecutors: Boolean,
      triggeredByExecutor: Boolean): Seq[String] = {
    val leaving = super.decommissionExecutors(executors, adjustTargetNumExecutors, triggeredByExecutor)
    provider.decommissioned(leaving.map(_.toInt))
    leaving
  }

  override def resize(count: Int): Unit = {
    requestDefaultExecutors(count)
    val active = getExecutorIds().filter(isExecutorActive)
    val (busy, idle) = active.sortBy(-_.toInt).partition(scheduler.isExecutorBusy)
    val excess = (idle ++ busy).take(active.size - count)
    if (excess.nonEmpty && conf.get(DECOMMISSION_ENABLED)) {
      val reason = ExecutorDecommissionInfo(s"The application was scaled to $count executors")
      decommissionExecutors(excess.map((_, reason)).toArray, adjustTargetNumExecutors = false, false)
    } else if (excess.nonEmpty) {
      killExecutors(excess, adjustTargetNumExecutors = false, countFailures = false, force = true)
    }
  }

  private def requestDefaultExecutors(count: Int): Unit = {
    val default = ResourceProfile.DEFAULT_RESOURCE_PROFILE_ID
    requestTotalExecutors(Map(default -> count), Map(default -> 0), Map(default -> Map.empty))
  }

  override def isExecutorExcluded(executorId: String, hostname: String): Boolean =
    !executorId.toIntOption.exists(provider.expects)

  /** Blocks for a fraction of a second, because Spark's own poll, ten times a second, would delay the start. */
  override def isReady(): Boolean = {
    val enough = math.max(math.min(1, initialExecutors), math.ceil(initialExecutors * ratio).toInt)
    wasReady = provider.awaitRegistered(enough, conf.get(SCHEDULER_MAX_REGISTERED_RESOURCE_WAITING_TIME))
    wasReady
  }

  /** Includes the executors that are still pending, because the first job may start with the first executor. */
  override def defaultParallelism(): Int = {
    val expected = initialExecutors * provider.coresPerExecutor
    conf.getInt("spark.default.parallelism", math.max(math.max(totalCoreCount.get, expected), 2))
  }

  override def createDriverEndpoint(): DriverEndpoint = new RayDriverEndpoint

  override def driverUrl: String =
    RpcEndpointAddress(
      conf.get(DRIVER_HOST_ADDRESS),
      conf.get(DRIVER_PORT),
      CoarseGrainedSchedulerBackend.ENDPOINT_NAME).toString

  override def executorProperties: Map[String, String] = {
    val secret = Option.when(sc.env.securityManager.isAuthenticationEnabled())(
      SecurityManager.SPARK_AUTH_SECRET_CONF -> sc.env.securityManager.getSecretKey())
    val early = (key: String) => SparkConf.isExecutorStartupConf(key) || key.startsWith("spark.shuffle.")
    conf.getAll.filter { case (key, _) => early(key) }.toMap ++ secret
  }

  override def tasksFinished: Long = finished.get

  /** For the metrics of the driver. */
  def executorTotals: ExecutorTotals = provider.totals

  override def executorLost(id: Int, outcome: ExecutorOutcome): Unit =
    removeExecutor(id.toString, ExecutorExited(outcome.exitCode, outcome.byApplication, outcome.reason))

  override def holdsShuffleFiles(host: String): Boolean =
    sc.env.mapOutputTracker.asInstanceOf[MapOutputTrackerMaster].shuffleStatuses.values.exists(
      _.withMapStatuses(_.exists(status => Option(status).exists(_.location.host == host))))

  override def filesLost(host: String, reason: String): Unit = removeWorker(s"shuffle-service-$host", host, reason)

  /** Before the context is ready, `isReady` throws the error. Later, the error fails the jobs and stops the context. */
  override def failed(error: RuntimeException): Unit = if (wasReady) {
    try scheduler.error(error.getMessage)
    catch { case NonFatal(refused) => logDebug(s"No job was running: ${refused.getMessage}") }
    finally sc.stopInNewThread()
  }

  private final class RayDriverEndpoint extends DriverEndpoint {
    private val sparkReceive = super.receive

    override def receive: PartialFunction[Any, Unit] = {
      case message if sparkReceive.isDefinedAt(message) =>
        sparkReceive(message)
        message match {
          case LaunchedExecutor(id) => provider.registered(id.toInt)
          case update: StatusUpdate if update.state == TaskState.FINISHED => finished.incrementAndGet()
          case _ =>
        }
    }

    override def receiveAndReply(context: RpcCallContext): PartialFunction[Any, Unit] =
      reportedEnd(context).orElse(super.receiveAndReply(context))

    private def reportedEnd(context: RpcCallContext): PartialFunction[Any, Unit] = {
      case ExecutorEnding(id, outcome) =>
        provider.ending(id, outcome)
        context.reply(true)
    }

    /**
     * Gives the executor no more tasks. The provider learns from Ray what happened and does the rest. Spark's own
     * reaction would count the loss against the application.
     */
    override def onDisconnected(address: RpcAddress): Unit =
      addressToExecutorId.get(address).foreach { id =>
        if (executorsPendingDecommission.contains(id)) removeExecutor(id, ExecutorDecommission(None))
        else disableExecutor(id)
        provider.disconnected(id.toInt)
      }
  }
}
