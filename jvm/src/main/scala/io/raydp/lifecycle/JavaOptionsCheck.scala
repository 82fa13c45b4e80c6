package io.raydp.lifecycle

import java.nio.charset.StandardCharsets
import java.util.concurrent.TimeUnit

import scala.concurrent.{Await, Future, TimeoutException}
import scala.concurrent.ExecutionContext.Implicits.global
import scala.concurrent.duration._

/**
 * Starts a JVM with the executors' options that does nothing.
 *
 * A JVM that refuses its options ends before it can say anything to Ray, which then tries again for ever without a
 * word. Here the JVM's own words reach the user at once. Only done where the user gave options of their own; it runs
 * while Ray is joined.
 */
private[lifecycle] final class JavaOptionsCheck private (process: Process, java: String, options: String) {
  private val said = Future(new String(process.getInputStream.readAllBytes(), StandardCharsets.UTF_8))

  /**
   * Waits for its end; bounded.
   *
   * @throws RayApplicationException the JVM does not start, with what it said
   */
  def await(): Unit =
    try {
      val output = Await.result(said, JavaOptionsCheck.Timeout)
      if (!process.waitFor(JavaOptionsCheck.Timeout.toSeconds, TimeUnit.SECONDS) || process.exitValue != 0)
        refuse(output)
    } catch {
      case _: TimeoutException => refuse(s"nothing within ${JavaOptionsCheck.Timeout.toSeconds} s")
    } finally process.destroyForcibly()

  private def refuse(output: String): Nothing =
    throw new RayApplicationException(
      FailureKind.StartFailed,
      LifecycleMessages.javaDoesNotStart(java, options, output.trim.takeRight(JavaOptionsCheck.MaximumOutput)))
}

private[lifecycle] object JavaOptionsCheck {

  /** As Ray finds it, by the PATH. */
  private val Java = "java"
  private val Timeout = 30.seconds
  private val MaximumOutput = 4096
  private val FirstExecutor = 1
  private val Agents = Vector("-javaagent:", "-agentlib:", "-agentpath:")

  /** @return the running check, if the application gives options of its own */
  def start(spec: ApplicationSpec): Option[JavaOptionsCheck] =
    Option.when(spec.executor.userJavaOptions.nonEmpty) {
      val options = spec.executor.javaOptionsOf(spec.id, FirstExecutor)
      // Neither the class path, which is that of another node, nor agents, which wait, listen or lie there too.
      val tried = options.patch(options.indexOf("-cp"), Nil, 2).filterNot(option => Agents.exists(option.startsWith))
      val command = Java +: tried :+ "-version"
      val process = new ProcessBuilder(command: _*).redirectErrorStream(true).start()
      process.getOutputStream.close()
      new JavaOptionsCheck(process, Java, spec.executor.userJavaOptions)
    }
}
