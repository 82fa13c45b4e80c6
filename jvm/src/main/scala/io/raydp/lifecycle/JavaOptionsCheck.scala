package io.raydp.lifecycle

import java.nio.charset.StandardCharsets
import java.util.concurrent.TimeUnit

import scala.concurrent.{Await, Future, TimeoutException}
import scala.concurrent.ExecutionContext.Implicits.global
import scala.concurrent.duration._

import org.slf4j.LoggerFactory

/**
 * Starts a JVM with the executors' options, to check them.
 *
 * A JVM that rejects its options ends before it can report to Ray, and Ray retries forever without an error. This check
 * shows the JVM's own message to the user at once. It runs only if the user gave JVM options, while raydp joins Ray.
 *
 * The JVM runs on the driver's node, but the options are for the executors' nodes, which may have other folders, agents
 * and more memory. So only a complaint about the options themselves counts, which each JVM would have.
 */
private[lifecycle] final class JavaOptionsCheck private (process: Process, java: String, options: String) {
  private val log = LoggerFactory.getLogger(classOf[JavaOptionsCheck])
  private val output = Future(new String(process.getInputStream.readAllBytes(), StandardCharsets.UTF_8))

  /**
   * Waits until it ends. Bounded.
   *
   * @throws RayApplicationException the options are wrong on each machine; contains the JVM's output
   */
  def await(): Unit =
    try {
      val said = Await.result(output, JavaOptionsCheck.Timeout)
      val ended = process.waitFor(JavaOptionsCheck.Timeout.toSeconds, TimeUnit.SECONDS)
      if (ended && process.exitValue != 0) {
        if (JavaOptionsCheck.isWrongEverywhere(said)) reject(said)
        log.info(s"The executors' JVM options cannot be checked on this machine. Options: $options; output: $said")
      }
    } catch {
      case _: TimeoutException => log.info(s"The executors' JVM options were not checked in time. Options: $options")
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

  /** @return the running check, if the user gave JVM options */
  def start(spec: ApplicationSpec): Option[JavaOptionsCheck] =
    Option.when(spec.executor.userJavaOptions.nonEmpty) {
      val options = spec.executor.javaOptionsOf(spec.id, FirstExecutor)
      val command = (Java +: options.patch(options.indexOf("-cp"), Nil, 2).filter(isTried)) ++ last
      val process = new ProcessBuilder(command: _*).redirectErrorStream(true).start()
      process.getOutputStream.close()
      new JavaOptionsCheck(process, Java, spec.executor.userJavaOptions)
    }

  /** Without memory for the heap, a JVM would leave a report in the user's folder. */
  private val last = Vector("-XX:ErrorFile=/dev/null", "-XX:-CreateCoredumpOnCrash", "-version")

  /** Agents, ports and files are on the executors' nodes; the rest would write files or take all memory here. */
  private val ofMachine = Vector(
    "-agentlib:",
    "-agentpath:",
    "-javaagent:",
    "-D",
    "-XX:+AlwaysPreTouch",
    "-XX:StartFlightRecording",
    "-Xloggc:",
    "-Xrun",
    "-Xshare:dump",
    "@")
  private val namesFile = "-XX:\\w*(AOT|Archive|AtExit|Dir|File|Flags|HeapAt|List|On|Path|Record)\\w*=.*".r
  private val logsToFile = "-Xlog:[^:]*:(?!(stdout|stderr)?(:|$)).*".r

  private def isTried(option: String): Boolean =
    !ofMachine.exists(option.startsWith) && !namesFile.matches(option) && !logsToFile.matches(option)

  /** What OpenJDK says about a word that is no option, or a value that is none. */
  private val complaints = Vector(
    "Could not find or load main class",
    "Improperly specified VM option",
    "Initial heap size set to a larger value than the maximum heap size",
    "Invalid .+ size: ",
    "Invalid -Xlog option",
    "Missing \\+/- setting for VM option",
    "Multiple garbage collectors selected",
    "Syntax error, expecting",
    "Unable to parse --",
    "Unexpected \\+/- setting in VM option",
    "Unrecognized option",
    "Unrecognized VM option",
    "VM option '\\w+' is").mkString("|").r

  private def isWrongEverywhere(output: String): Boolean = complaints.findFirstIn(output).isDefined
}
