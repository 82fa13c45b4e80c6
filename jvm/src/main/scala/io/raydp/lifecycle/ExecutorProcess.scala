package io.raydp.lifecycle

import java.lang.management.ManagementFactory
import java.nio.charset.StandardCharsets
import java.nio.file.{Files, Path}
import java.util.concurrent.atomic.AtomicReference

import scala.jdk.CollectionConverters._
import scala.util.control.NonFatal

import io.ray.api.Ray
import io.raydp.process.{
  Causes,
  Encoding,
  ExecutorLaunch,
  ExecutorOutcome,
  ExecutorPlace,
  FolderGuard,
  TemporaryLibraries
}
import org.apache.spark.raydp.{ApplicationSecret, ExecutorSurroundings, ProcessIdentity, RayExecutorBackend}

/**
 * An executor, in its own process: joins the driver, runs, and reports how it ended.
 *
 * A process runs one executor and ends with it. No exception leaves a method.
 */
final class ExecutorProcess {
  private val located: Either[String, ExecutorPlace] =
    try Right(ExecutorProcess.locate())
    catch { case NonFatal(error) => Left(Causes.locate(error)) }
  private val ended = new AtomicReference[Option[ExecutorOutcome]](None)

  def place(): Array[Byte] =
    Encoding.encode(located.getOrElse(ExecutorPlace("", "", ProcessHandle.current.pid, 0, "")))

  def run(launch: Array[Byte]): Array[Byte] = {
    val outcome =
      try located match {
          case Right(place) => runAt(place, Encoding.decode[ExecutorLaunch](launch))
          case Left(reason) => ExecutorOutcome(1, byApplication = false, s"Ray did not tell it its node: $reason")
        }
      catch {
        // Whatever it is, even a missing class: it is the answer to the driver, which ends this process.
        case error: Throwable => failed(error)
      }
    Encoding.encode(outcome)
  }

  private def runAt(place: ExecutorPlace, launch: ExecutorLaunch): ExecutorOutcome = {
    // Ray's worker threads have Ray's own class loader; Spark resolves classes with the context class loader.
    Thread.currentThread.setContextClassLoader(ClassLoader.getSystemClassLoader)
    System.setProperty("raydp.node.id", place.nodeId)
    ProcessIdentity.useAddress(place.host)
    ProcessIdentity.nameUser()
    ApplicationSecret.extract(launch.properties).foreach { case (key, value) => System.setProperty(key, value) }
    val gpus = Ray.getRuntimeContext.getGpuIds.asScala.map(_.toString).toVector
    val folders = FolderGuard.start()
    TemporaryLibraries.redirect(folders)
    val surroundings = ExecutorSurroundings(
      place.host,
      gpus,
      outcome => { ended.compareAndSet(None, Some(outcome)); () },
      folders)
    RayExecutorBackend.run(launch, surroundings)
    ended.get.getOrElse(ExecutorOutcome(0, byApplication = false, "It was stopped"))
  }

  private def failed(error: Throwable): ExecutorOutcome = {
    val log = located.toOption.map(_.log).filter(_.nonEmpty).map(Path.of(_))
    val tail = log.map(path => s"\nThe end of its log $path:\n${ExecutorProcess.tail(path)}").getOrElse("")
    ExecutorOutcome(1, byApplication = false, s"It ended with ${Causes.locate(error)}$tail")
  }
}

object ExecutorProcess {
  private val TailBytes = 4096

  private[lifecycle] def locate(): ExecutorPlace = {
    val context = Ray.getRuntimeContext
    val nodeId = context.getCurrentNodeId.toString
    val node = context.getAllNodeInfo.asScala
      .find(_.nodeId.toString == nodeId)
      .getOrElse(throw new IllegalStateException(s"The cluster does not list this node: $nodeId"))
    val pid = ProcessHandle.current.pid
    val start = ManagementFactory.getRuntimeMXBean.getStartTime
    val log = Option(System.getProperty("ray.logging.dir")).map { directory =>
      Path.of(directory, s"java-worker-${context.getCurrentJobId}-$pid.log").toString
    }
    ExecutorPlace(nodeId, node.nodeAddress, pid, start, log.getOrElse(""))
  }

  private def tail(path: Path): String =
    try {
      val bytes = Files.readAllBytes(path)
      new String(bytes.takeRight(TailBytes), StandardCharsets.UTF_8)
    } catch { case NonFatal(error) => s"(could not be read: $error)" }
}
