package io.raydp.exchange

import java.nio.file.Path

import io.raydp.configuration.RaydpConfiguration
import org.apache.spark.SparkEnv

/**
 * How the tasks of an application find and convince the agent of their node. Travels with tasks, so its string form
 * leaves the token out.
 *
 * @param directory where the agents of the application have their sockets, one per node
 * @param token the application's secret
 * @param timeoutMillis the longest wait for an agent's answer
 */
final case class AgentAddress(directory: String, application: String, token: Array[Byte], timeoutMillis: Int) {

  /** The socket of the agent of the node that this JVM runs on. */
  def socketHere(): Path =
    AgentAddress.configuredSocket.getOrElse(Path.of(directory, s"${AgentAddress.nodeHere()}.sock"))

  override def toString: String = s"AgentAddress($application, $directory)"
}

object AgentAddress {

  /** Set by whoever starts an executor inside a Ray worker: the Ray node's id in hexadecimal. */
  val NodeProperty = "raydp.node.id"

  /** Names the socket for executors that are not Ray workers. */
  val SocketKey: String = RaydpConfiguration.ExchangeSocket.key

  /** As many digits of the node's id as name a socket. */
  private val NodeDigits = 16

  /** The node as sockets and block positions name it. */
  def nodeHere(): String =
    configuredSocket.map(_.getFileName.toString.stripSuffix(".sock"))
      .orElse(sys.props.get(NodeProperty).map(_.take(NodeDigits)))
      .getOrElse(throw new ExchangeException(
        ExchangeErrorCode.INVALID_ARGUMENT,
        "This executor does not know its Ray node, so it cannot find the exchange agent: it was not started by " +
          s"raydp. Set $SocketKey to the agent's socket on every node."))

  private def configuredSocket: Option[Path] =
    Option(SparkEnv.get).flatMap(_.conf.getOption(SocketKey)).map(Path.of(_))
}
