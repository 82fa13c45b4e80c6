package org.apache.spark.raydp

import java.util.concurrent.atomic.AtomicBoolean

import scala.concurrent.duration._
import scala.jdk.CollectionConverters._
import scala.util.control.NonFatal

import io.raydp.process.{Causes, ExecutorLaunch, ExecutorOutcome, FolderGuard}
import org.apache.spark.SparkEnv
import org.apache.spark.executor.CoarseGrainedExecutorBackend
import org.apache.spark.resource.{ResourceInformation, ResourceProfile}
import org.apache.spark.rpc.{RpcEnv, RpcTimeout}
import org.apache.spark.util.Utils

/**
 * The process that an executor runs in.
 *
 * @param host address of its node
 * @param gpuIds the GPUs that Ray assigned to it
 * @param ended to call with the reason when the executor ends on its own
 * @param folders deletes folders when the process ends, however it ends
 */
final case class ExecutorSurroundings(
    host: String,
    gpuIds: Vector[String],
    ended: ExecutorOutcome => Unit,
    folders: FolderGuard)

/** An executor's last message to the driver. */
private final case class ExecutorEnding(id: Int, outcome: ExecutorOutcome)

/**
 * Spark's executor backend in a process that Ray started. It reports why it ends before it does.
 *
 * Uses `CoarseGrainedExecutorBackend`; a public entry point for executors would replace it. Uses
 * `SparkEnv.driverTmpDir` and `Utils.createTempDir` to give an executor a folder for the files that it fetches; a
 * setting for that folder would replace them.
 *
 * @param served deletes the folders that a shuffle service will serve, until that service takes over
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
  private val sparkReceive = super.receive

  /** Once Spark has created its executor here, the shuffle service knows the folders that it serves. */
  override def receive: PartialFunction[Any, Unit] = {
    case message if sparkReceive.isDefinedAt(message) =>
      sparkReceive(message)
      if (message == CoarseGrainedExecutorBackend.RegisteredExecutor && Option(executor).isDefined)
        served.foreach(_.release())
  }

  /** Ray has already assigned the GPUs. A discovery script that the user gives takes precedence. */
  override def parseOrFindResources(file: Option[String]): Map[String, ResourceInformation] =
    profile.executorResources.get(RayExecutorBackend.Gpu) match {
      case Some(request) if request.discoveryScript.isEmpty && surroundings.gpuIds.nonEmpty =>
        Map(RayExecutorBackend.Gpu -> new ResourceInformation(RayExecutorBackend.Gpu, surroundings.gpuIds.toArray))
      case _ => super.parseOrFindResources(file)
    }

  override def onStart(): Unit = {
    ShutdownHooks.beforeSpark(() => if (!stopping.get) report(RayExecutorBackend.exitOfProcess()))
    super.onStart()
  }

  override def exitExecutor(code: Int, reason: String, throwable: Throwable, notifyDriver: Boolean): Unit = {
    val cause = Option(throwable).map(error => s": ${Causes.describe(error)}").getOrElse("")
    val outcome = ExecutorOutcome(code, byApplication = false, reason + cause)
    if (notifyDriver) report(outcome) else reported.set(true)
    surroundings.ended(outcome)
    super.exitExecutor(code, reason, throwable, notifyDriver = false)
  }

  /** Waits until the driver has the report, because the process ends next. Without a driver, this takes seconds. */
  private def report(outcome: ExecutorOutcome): Unit =
    if (reported.compareAndSet(false, true)) {
      driver.foreach { endpoint =>
        try {
          endpoint.askSync[Boolean](
            ExecutorEnding(arguments.executorId.toInt, outcome),
            RayExecutorBackend.ReportTimeout)
        } catch {
          case NonFatal(error) =>
            logWarning(s"The executor could not tell the driver why it ends: ${outcome.reason}", error)
        }
      }
    }
}

object RayExecutorBackend {
  private val ReportTimeout = new RpcTimeout(2.seconds, "raydp's report of an executor's end (2 s)")
  private val Gpu = "gpu"
  private val TaskThread = "Executor task launch worker"

  /** Runs an executor in this process until it ends. */
  def run(launch: ExecutorLaunch, surroundings: ExecutorSurroundings): Unit = {
    UnauthenticatedClients.limit()
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
        // An external shuffle service takes over the block manager's folders once it knows them.
        val served = Option.when(env.blockManager.externalShuffleServiceEnabled)(FolderGuard.start())
        LocalFolders.protect(env, surroundings.folders, served.getOrElse(surroundings.folders))
        // Other cluster managers start each executor in its own folder; Ray's workers on a node share one.
        env.driverTmpDir = Some(Utils.createTempDir(Utils.getLocalDir(env.conf), "userFiles").getAbsolutePath)
        new RayExecutorBackend(rpcEnv, parsed, env, profile, surroundings, served)
      })
  }

  /** Finds out what ends this process, from the thread that is in `System.exit` while the shutdown hooks run. */
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
      case None => ExecutorOutcome(1, byApplication = false, "Its process ends for an unknown reason")
    }
  }
}
