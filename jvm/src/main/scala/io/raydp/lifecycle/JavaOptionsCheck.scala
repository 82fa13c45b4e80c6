package io.raydp.lifecycle

import java.nio.charset.StandardCharsets
import java.util.concurrent.TimeUnit

import scala.concurrent.{Await, Future, TimeoutException}
import scala.concurrent.ExecutionContext.Implicits.global
import scala.concurrent.duration._

/**
 * Starts a JVM with the executors' options, to check them.
 *
 * A JVM that rejects its options ends before it can report to Ray, and Ray retries forever without an error. This check
 * shows the JVM's own message to the user at once. It runs only if the user gave JVM options, while raydp joins Ray.
 */
private[lifecycle] final class JavaOptionsCheck private (process: Process, java: String, options: String) {
  private val output = Future(new String(process.getInputStream.readAllBytes(), StandardCharsets.UTF_8))

  /**
   * Waits until it ends. Bounded.
   *
   * @throws RayApplicationException the JVM does not start; contains its output
   */
  def await(): Unit =
    try {
      val text = Await.result(output, JavaOptionsCheck.Timeout)
      if (!process.waitFor(JavaOptionsCheck.Timeout.toSeconds, TimeUnit.SECONDS) || process.exitValue != 0)
        reject(text)
    } catch {
      case _: TimeoutException => reject(s"nothing within ${JavaOptionsCheck.Timeout.toSeconds} s")
    } finally process.destroyForcibly()

  private def reject(output: String): Nothing =
    throw new RayApplicationException(
      FailureKind.StartFailed,
      LifecycleMessages.javaDoesNotStart(java, options, output.trim.takeRight(JavaOptionsCheck.MaximumOutput)))
}

private[lifecycle] object JavaOptionsCheck {

  /** Ray finds it on the PATH too. */
  private val Java = "java"
  private val Timeout = 30.seconds
  private val MaximumOutput = 4096
  private val FirstExecutor = 1
  private val Agents = Vector("-javaagent:", "-agentlib:", "-agentpath:")

  /** @return the running check, if the user gave JVM options */
  def start(spec: ApplicationSpec): Option[JavaOptionsCheck] =
    Option.when(spec.executor.userJavaOptions.nonEmpty) {
      val options = spec.executor.javaOptionsOf(spec.id, FirstExecutor)
      // Without the class path and agents, which belong to another node.
      val tried = options.patch(options.indexOf("-cp"), Nil, 2).filterNot(option => Agents.exists(option.startsWith))
      val command = Java +: tried :+ "-version"
      val process = new ProcessBuilder(command: _*).redirectErrorStream(true).start()
      process.getOutputStream.close()
      new JavaOptionsCheck(process, Java, spec.executor.userJavaOptions)
    }
}
