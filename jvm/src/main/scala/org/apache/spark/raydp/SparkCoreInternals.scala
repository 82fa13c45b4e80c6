package org.apache.spark.raydp

import java.util.concurrent.atomic.{AtomicBoolean, AtomicLong}

import scala.concurrent.Future
import scala.concurrent.duration._
import scala.jdk.CollectionConverters._
import scala.util.control.NonFatal

import io.raydp.lifecycle.{
  ExecutorLaunch,
  ExecutorOutcome,
  ExecutorResources,
  ExecutorSurroundings,
  FailureKind,
  FolderGuard,
  MasterUrl,
  RayApplication,
  RayApplicationException,
  SchedulerLink
}
import org.apache.spark.{MapOutputTrackerMaster, SecurityManager, SparkConf, SparkContext, SparkEnv, TaskState}
import org.apache.spark.executor.CoarseGrainedExecutorBackend
import org.apache.spark.internal.config.{
  DECOMMISSION_ENABLED,
  DRIVER_HOST_ADDRESS,
  DRIVER_PORT,
  EXECUTOR_MEMORY_OVERHEAD_FACTOR,
  EXECUTOR_MIN_MEMORY_OVERHEAD,
  SCHEDULER_MAX_REGISTERED_RESOURCE_WAITING_TIME,
  SCHEDULER_MIN_REGISTERED_RESOURCES_RATIO
}
import org.apache.spark.resource.{ResourceInformation, ResourceProfile}
import org.apache.spark.rpc.{RpcAddress, RpcCallContext, RpcEndpointAddress, RpcEnv, RpcTimeout}
import org.apache.spark.scheduler.{
  ExecutorDecommission,
  ExecutorDecommissionInfo,
  ExecutorExited,
  ExecutorKilled,
  ExternalClusterManager,
  SchedulerBackend,
  TaskScheduler,
  TaskSchedulerImpl
}
import org.apache.spark.scheduler.cluster.{CoarseGrainedSchedulerBackend, SchedulerBackendUtils}
import org.apache.spark.scheduler.cluster.CoarseGrainedClusterMessages.{LaunchedExecutor, StatusUpdate}
import org.apache.spark.util.{ShutdownHookManager, Utils}

/*
 * Everything of ours that uses what Spark's core keeps to its own packages. What is used, why, and what would replace
 * it in public:
 *
 *  - ExternalClusterManager, TaskSchedulerImpl, CoarseGrainedSchedulerBackend: the only way to bring a cluster manager
 *    of one's own; a public cluster manager API would replace them.
 *  - CoarseGrainedExecutorBackend: an executor inside a process that something else has started; a public entry point
 *    for executors would replace it.
 *  - ResourceProfile.getResourcesForClusterManager: Spark's own sum of an executor's memory, so that ours cannot
 *    differ from it; a public one would replace it.
 *  - SparkConf.isExecutorStartupConf, SecurityManager: which settings an executor must know before it can ask for the
 *    rest; a public list would replace them.
 *  - ShutdownHookManager: hooks that run before Spark's own, which close the connection to the driver, or after them;
 *    ordered hooks in public would replace it.
 *  - MapOutputTrackerMaster.shuffleStatuses: whether shuffle files of a host are still needed; Spark's own view of
 *    where shuffles lie, in public, would replace it.
 *  - SparkEnv.driverTmpDir, Utils.createTempDir: where an executor puts the files that it fetches; a setting for it
 *    would replace them.
 *  - Utils.splitCommandString, Utils.substituteAppNExecIds: JVM options read as Spark reads them elsewhere.
 */

/** Makes Spark run on Ray for the master URLs `ray` and `ray:HOST:PORT`; found through `ServiceLoader`. */
final class RayClusterManager extends ExternalClusterManager {
  override def canCreate(masterURL: String): Boolean = MasterUrl.isOurs(masterURL)

  override def createTaskScheduler(sc: SparkContext, masterURL: String): TaskScheduler = new TaskSchedulerImpl(sc)

  override def createSchedulerBackend(sc: SparkContext, masterURL: String, scheduler: TaskScheduler): SchedulerBackend =
    new RaySchedulerBackend(
      scheduler.asInstanceOf[TaskSchedulerImpl],
      sc,
      RayApplication.forContext(sc.conf, masterURL))

  override def initialize(scheduler: TaskScheduler, backend: SchedulerBackend): Unit =
    scheduler.asInstanceOf[TaskSchedulerImpl].initialize(backend)
}

/**
 * The thin end of the lifecycle in Spark's scheduler: hands on what Spark wants, and what became of executors.
 *
 * Decisions are not made here but in the application.
 */
private final class RaySchedulerBackend(scheduler: TaskSchedulerImpl, sc: SparkContext, application: RayApplication)
    extends CoarseGrainedSchedulerBackend(scheduler, sc.env.rpcEnv)
    with SchedulerLink {
  private val initialExecutors = SchedulerBackendUtils.getInitialTargetExecutorNumber(conf)
  private val ratio = conf.get(SCHEDULER_MIN_REGISTERED_RESOURCES_RATIO).getOrElse(0.0)
  private val finished = new AtomicLong
  @volatile private var wasReady = false

  override def applicationId(): String = application.id

  override def start(): Unit = {
    super.start()
    LocalFolders.protect(sc.env, application.folders, application.folders)
    application.attach(this, initialExecutors)
    // So that a later request for more, or a kill, is reckoned from what there is and not from nothing.
    requestDefaultExecutors(initialExecutors)
  }

  override def stop(): Unit =
    try super.stop()
    finally application.stop()

  override def doRequestTotalExecutors(totals: Map[ResourceProfile, Int]): Future[Boolean] = {
    val (default, others) = totals.partition { case (profile, _) =>
      profile.id == ResourceProfile.DEFAULT_RESOURCE_PROFILE_ID
    }
    if (others.values.exists(_ > 0)) {
      Future.failed(new UnsupportedOperationException(
        "On Ray all executors have the application's default resources; remove the stage's profile. Profiles: " +
          others.keys.map(_.id).mkString(", ")))
    } else {
      application.desire(default.values.sum)
      Future.successful(true)
    }
  }

  override def doKillExecutors(executorIds: Seq[String]): Future[Boolean] = {
    // Removing an executor also tells it to stop; the application ends those that do not.
    executorIds.foreach(removeExecutor(_, ExecutorKilled))
    application.doom(executorIds.map(_.toInt))
    Future.successful(true)
  }

  /** Those that are told to leave finish their tasks and hand over their blocks; others come in their place at once. */
  override def decommissionExecutors(
      executors: Array[(String, ExecutorDecommissionInfo)],
      adjustTargetNumExecutors: Boolean,
      triggeredByExecutor: Boolean): Seq[String] = {
    val leaving = super.decommissionExecutors(executors, adjustTargetNumExecutors, triggeredByExecutor)
    application.leave(leaving.map(_.toInt))
    leaving
  }

  override def resize(count: Int): Unit = {
    requestDefaultExecutors(count)
    val active = getExecutorIds().filter(isExecutorActive)
    val (busy, idle) = active.sortBy(-_.toInt).partition(scheduler.isExecutorBusy)
    val excess = (idle ++ busy).take(active.size - count)
    if (excess.nonEmpty && conf.get(DECOMMISSION_ENABLED)) {
      val reason = ExecutorDecommissionInfo(s"$count executors are wanted")
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
    !executorId.toIntOption.exists(application.expects)

  /** Blocks for a part of a second at most: the caller asks ten times a second, which would delay the start. */
  override def isReady(): Boolean = {
    val enough = math.max(math.min(1, initialExecutors), math.ceil(initialExecutors * ratio).toInt)
    wasReady = application.awaitRegistered(enough, conf.get(SCHEDULER_MAX_REGISTERED_RESOURCE_WAITING_TIME))
    wasReady
  }

  /** Counts the executors that are still to come, since the first job may begin with the first of them. */
  override def defaultParallelism(): Int = {
    val expected = initialExecutors * application.coresPerExecutor
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

  override def executorLost(id: Int, outcome: ExecutorOutcome): Unit =
    removeExecutor(id.toString, ExecutorExited(outcome.exitCode, outcome.byApplication, outcome.reason))

  override def holdsShuffleFiles(host: String): Boolean =
    sc.env.mapOutputTracker.asInstanceOf[MapOutputTrackerMaster].shuffleStatuses.values.exists(
      _.withMapStatuses(_.exists(status => Option(status).exists(_.location.host == host))))

  override def filesLost(host: String, reason: String): Unit = removeWorker(s"shuffle-service-$host", host, reason)

  /** Before the context is ready, `isReady` throws the error; later it reaches the jobs, and ends the context. */
  override def failed(error: RayApplicationException): Unit = if (wasReady) {
    try scheduler.error(error.getMessage)
    catch { case NonFatal(refused) => logDebug(s"No job was running: ${refused.getMessage}") }
    finally sc.stopInNewThread()
  }

  private final class RayDriverEndpoint extends DriverEndpoint {
    private val sparks = super.receive

    override def receive: PartialFunction[Any, Unit] = {
      case ExecutorMetrics(executor, readings) => application.metrics.tell(executor, readings)
      case message if sparks.isDefinedAt(message) =>
        sparks(message)
        message match {
          case LaunchedExecutor(id) => application.registered(id.toInt)
          case update: StatusUpdate if update.state == TaskState.FINISHED => finished.incrementAndGet()
          case _ =>
        }
    }

    override def receiveAndReply(context: RpcCallContext): PartialFunction[Any, Unit] =
      ending(context).orElse(super.receiveAndReply(context))

    private def ending(context: RpcCallContext): PartialFunction[Any, Unit] = {
      case ExecutorEnding(id, outcome) =>
        application.ending(id, ExecutorOutcome.decode(outcome))
        context.reply(true)
    }

    /**
     * Takes no more tasks there and leaves the rest to the application, which hears from Ray what happened. Spark's
     * own reaction would be to count the loss as the application's fault.
     */
    override def onDisconnected(address: RpcAddress): Unit =
      addressToExecutorId.get(address).foreach { id =>
        if (executorsPendingDecommission.contains(id)) removeExecutor(id, ExecutorDecommission(None))
        else disableExecutor(id)
        application.disconnected(id.toInt)
      }
  }
}

/** The last word of an executor to the driver; the outcome is encoded. */
private final case class ExecutorEnding(id: Int, outcome: Array[Byte])

/**
 * An executor that says why it ends before it does.
 *
 * @param served deletes the folders that a shuffle service is to serve, until that one does
 */
private final class RayExecutorBackend(
    rpcEnv: RpcEnv,
    arguments: CoarseGrainedExecutorBackend.Arguments,
    env: SparkEnv,
    profile: ResourceProfile,
    surroundings: ExecutorSurroundings,
    served: Option[FolderGuard])
    extends CoarseGrainedExecutorBackend(
      rpcEnv,
      arguments.driverUrl,
      arguments.executorId,
      arguments.bindAddress,
      arguments.hostname,
      arguments.cores,
      env,
      arguments.resourcesFileOpt,
      profile) {
  private val reported = new AtomicBoolean
  private val sparks = super.receive

  /** With the executor that Spark makes here the shuffle service knows the folders that it serves. */
  override def receive: PartialFunction[Any, Unit] = {
    case message if sparks.isDefinedAt(message) =>
      sparks(message)
      if (message == CoarseGrainedExecutorBackend.RegisteredExecutor && Option(executor).isDefined)
        served.foreach(_.release())
  }

  /** Ray has assigned the GPUs already; a discovery script, where the user gives one, has precedence. */
  override def parseOrFindResources(file: Option[String]): Map[String, ResourceInformation] =
    profile.executorResources.get(RayExecutorBackend.Gpu) match {
      case Some(request) if request.discoveryScript.isEmpty && surroundings.gpuIds.nonEmpty =>
        Map(RayExecutorBackend.Gpu -> new ResourceInformation(RayExecutorBackend.Gpu, surroundings.gpuIds.toArray))
      case _ => super.parseOrFindResources(file)
    }

  override def onStart(): Unit = {
    ShutdownHookManager.addShutdownHook(RayExecutorBackend.HookPriority) { () =>
      if (!stopping.get) report(RayExecutorBackend.exitOfProcess())
    }
    super.onStart()
  }

  override def exitExecutor(code: Int, reason: String, throwable: Throwable, notifyDriver: Boolean): Unit = {
    val cause = Option(throwable).map(error => s": $error").getOrElse("")
    val outcome = ExecutorOutcome(code, byApplication = false, reason + cause)
    if (notifyDriver) report(outcome) else reported.set(true)
    surroundings.ended(outcome)
    super.exitExecutor(code, reason, throwable, notifyDriver = false)
  }

  /** Waits until the driver has it, since the process ends next; a driver that is gone delays that by seconds. */
  private def report(outcome: ExecutorOutcome): Unit =
    if (reported.compareAndSet(false, true)) {
      driver.foreach { endpoint =>
        try {
          endpoint.askSync[Boolean](
            ExecutorEnding(arguments.executorId.toInt, outcome.encoded),
            RayExecutorBackend.ReportTimeout)
        } catch {
          case NonFatal(error) =>
            logWarning(s"The driver could not be told why this executor ends: ${outcome.reason}", error)
        }
      }
    }
}

private object RayExecutorBackend {
  private val ReportTimeout = new RpcTimeout(2.seconds, "raydp's report of an executor's end (2 s)")
  private val HookPriority = ShutdownHookManager.SPARK_CONTEXT_SHUTDOWN_PRIORITY + 100
  private val Gpu = "gpu"
  private val TaskThread = "Executor task launch worker"

  /** Says who ends this process, from the thread that is in `System.exit` while the shutdown hooks run. */
  private def exitOfProcess(): ExecutorOutcome = {
    val exiting = Thread.getAllStackTraces.asScala.find { case (_, frames) =>
      frames.exists(frame => frame.getClassName == "java.lang.Shutdown" && frame.getMethodName == "exit")
    }
    exiting match {
      case Some((thread, _)) if thread.getName.startsWith("SIG") =>
        ExecutorOutcome(
          143,
          byApplication = false,
          s"Its process was ended from outside by ${thread.getName.takeWhile(_ != ' ')}")
      case Some((thread, frames)) =>
        val caller = frames.find(frame => !frame.getClassName.startsWith("java.lang."))
        val where = caller.map(frame => s" at $frame").getOrElse("")
        ExecutorOutcome(
          1,
          thread.getName.contains(TaskThread),
          s"System.exit was called in the thread '${thread.getName}'$where")
      case None => ExecutorOutcome(1, byApplication = false, "Its process ends and it is not known why")
    }
  }
}

/** The functions of this file that the lifecycle calls. */
object SparkCoreInternals {

  /** Runs an executor in this process until it ends. */
  def runExecutor(launch: ExecutorLaunch, surroundings: ExecutorSurroundings): Unit = {
    val arguments = CoarseGrainedExecutorBackend.Arguments(
      launch.driverUrl,
      launch.executorId.toString,
      bindAddress = surroundings.host,
      hostname = surroundings.host,
      launch.cores,
      launch.applicationId,
      workerUrl = None,
      resourcesFileOpt = None,
      launch.resourceProfileId)
    CoarseGrainedExecutorBackend.run(
      arguments,
      (rpcEnv, parsed, env, profile) => {
        // An external shuffle service takes the block manager's folders over, once it knows them.
        val served = Option.when(env.blockManager.externalShuffleServiceEnabled)(FolderGuard.start())
        LocalFolders.protect(env, surroundings.folders, served.getOrElse(surroundings.folders))
        // Other cluster managers start an executor in a folder of its own; Ray's workers of a node share one.
        env.driverTmpDir = Some(Utils.createTempDir(Utils.getLocalDir(env.conf), "userFiles").getAbsolutePath)
        new RayExecutorBackend(rpcEnv, parsed, env, profile, surroundings, served)
      })
  }

  /** Runs `action` when the process ends, once the SparkContexts have stopped. */
  def afterContexts(action: () => Unit): Unit =
    ShutdownHookManager.addShutdownHook(ShutdownHookManager.SPARK_CONTEXT_SHUTDOWN_PRIORITY - 1)(action)

  /**
   * What one executor needs by Spark's settings.
   *
   * @param contextExists whether a SparkContext of these settings exists. If not, the default profile that Spark
   *   derives from them in passing is forgotten again, since the context may get other settings
   */
  def executorResources(conf: SparkConf, contextExists: Boolean): ExecutorResources =
    try {
      if (!contextExists) ResourceProfile.clearDefaultProfile()
      val resources = ResourceProfile.getResourcesForClusterManager(
        ResourceProfile.DEFAULT_RESOURCE_PROFILE_ID,
        Map.empty,
        conf.get(EXECUTOR_MIN_MEMORY_OVERHEAD),
        conf.get(EXECUTOR_MEMORY_OVERHEAD_FACTOR),
        conf,
        isPythonApp = true,
        Map("gpu" -> "GPU"))
      ExecutorResources(
        resources.cores.getOrElse(1),
        resources.executorMemoryMiB,
        resources.totalMemMiB,
        resources.customResources.map { case (name, request) => name -> request.amount.toDouble })
    } catch {
      case error @ (_: IllegalArgumentException | _: ArithmeticException | _: org.apache.spark.SparkException) =>
        throw new RayApplicationException(
          FailureKind.InvalidConfiguration,
          s"The executors' resources cannot be read from the configuration. Correct the setting: ${error.getMessage}",
          Some(error))
    } finally {
      if (!contextExists) ResourceProfile.clearDefaultProfile()
    }

  /** How many executors an application begins with, dynamic allocation considered. */
  def initialExecutors(conf: SparkConf): Int = SchedulerBackendUtils.getInitialTargetExecutorNumber(conf)

  /** Options of an executor's JVM as words. */
  def javaOptions(options: String, applicationId: String, executorId: Int): Vector[String] =
    Utils.splitCommandString(Utils.substituteAppNExecIds(options, applicationId, executorId.toString)).toVector
}
