package io.raydp.lifecycle

import java.net.{InetSocketAddress, Socket}
import java.nio.file.Path
import java.util.concurrent.{Callable, ExecutionException, Executors, TimeUnit, TimeoutException}
import java.util.concurrent.atomic.AtomicBoolean

import io.ray.api.Ray

/** This JVM's connection to a Ray cluster: it joins as a driver with a job of its own. */
private[lifecycle] final class RayConnection(address: String, applicationId: String) {
  import RayConnection._

  @volatile private var joined = false

  /**
   * Joins the cluster, unless this JVM has already joined one.
   *
   * @throws RayApplicationException the cluster cannot be reached
   */
  def open(): Unit =
    if (!Ray.isInitialized) {
      checkReachable()
      setIfAbsent("ray.job.code-search-path", jarOf(getClass))
      setIfAbsent("ray.job.namespace", applicationId)
      System.setProperty("ray.address", address)
      join()
      joined = true
    }

  /** Leaves the cluster if [[open]] joined it. `endCalls` must end all calls to Ray that are in progress. */
  def close(endCalls: () => Unit): Unit =
    if (joined) {
      joined = false
      endCalls()
      Ray.shutdown()
    }

  private def setIfAbsent(key: String, value: String): Unit =
    if (System.getProperty(key) == null) System.setProperty(key, value)

  /** Checks that something listens there. Ray's own attempt would take minutes to fail, or end the process. */
  private def checkReachable(): Unit = {
    val colon = address.lastIndexOf(':')
    val socket = new Socket
    try {
      val host = address.substring(0, colon).stripPrefix("[").stripSuffix("]")
      socket.connect(new InetSocketAddress(host, address.substring(colon + 1).toInt), ConnectMillis)
    } catch {
      case error @ (_: java.io.IOException | _: RuntimeException) => throw unreachable(error.toString, Some(error))
    } finally socket.close()
  }

  private def join(): Unit = {
    RayInternals.keepDriverLogging()
    Option(System.getProperty("raydp.ray.session-dir")).foreach(RayInternals.loadNativeLibrary)
    val thread = Executors.newSingleThreadExecutor { task =>
      val joining = new Thread(task, "raydp-ray-init")
      joining.setDaemon(true)
      joining
    }
    // Whoever is first decides. An attempt that succeeds after this application has given up must not stay in Ray.
    val decided = new AtomicBoolean
    val attempt: Callable[Unit] = () => {
      RayInternals.join()
      if (!decided.compareAndSet(false, true)) Ray.shutdown()
    }
    try thread.submit(attempt).get(JoinMillis, TimeUnit.MILLISECONDS)
    catch {
      case error: ExecutionException =>
        error.getCause match {
          case unfit @ (_: ReflectiveOperationException | _: LinkageError) =>
            throw new IllegalStateException(LifecycleMessages.unfitRay, unfit)
          case cause => throw unreachable(ActorWatch.describe(cause), Some(cause))
        }
      case error: TimeoutException if decided.compareAndSet(false, true) =>
        throw unreachable(s"no answer within ${JoinMillis / 1000} s", Some(error))
      case _: TimeoutException => // it has just joined
    } finally thread.shutdown()
  }

  private def unreachable(reason: String, cause: Option[Throwable]) =
    new RayApplicationException(FailureKind.RayUnreachable, LifecycleMessages.unreachable(address, reason), cause)
}

private[lifecycle] object RayConnection {
  private val ConnectMillis = 5000
  private val JoinMillis = 60000L

  /** The jar that contains a class. */
  def jarOf(of: Class[_]): String = Path.of(of.getProtectionDomain.getCodeSource.getLocation.toURI).toString
}
