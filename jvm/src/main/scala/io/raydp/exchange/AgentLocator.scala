package io.raydp.exchange

import java.nio.file.{Files, LinkOption, Path}
import java.security.MessageDigest
import java.util.HexFormat

import io.raydp.configuration.RaydpConfiguration
import io.raydp.security.TrustedPaths
import org.apache.spark.SparkEnv

/**
 * A way to find the socket of the exchange agent on the node that this JVM runs on.
 *
 * The exchange knows nothing else of how an executor was placed on its node. It need not be a Ray actor.
 */
private[exchange] trait AgentLocator {

  /**
   * The socket, if this way leads to one.
   *
   * @param directory where the application's agents have their sockets, one per node
   */
  def locate(directory: Path): Option[Path]
}

private[exchange] object AgentLocator {

  /** The id of this JVM's Ray node in hexadecimal. The code that starts an executor on a Ray node sets it. */
  private val NodeProperty = "raydp.node.id"

  /** How many digits of the node's id name a socket. */
  private val NodeDigits = 16

  private val SocketSuffix = ".sock"

  /** How many digits of the token's hash name a folder. */
  private val HashDigits = 16

  private val configuredSocket: AgentLocator = _ =>
    Option(SparkEnv.get).flatMap(_.conf.getOption(RaydpConfiguration.ExchangeSocket.key)).map(Path.of(_))

  private val socketOfNode: AgentLocator = directory =>
    sys.props.get(NodeProperty).map(node => directory.resolve(node.take(NodeDigits) + SocketSuffix))

  /** The first that finds a socket wins. */
  private val locators: Seq[AgentLocator] = Seq(configuredSocket, socketOfNode)

  /** The socket of this node's agent. */
  def socketHere(address: AgentAddress): Path = {
    val directory = directoryHere(Path.of(address.directory), address.token)
    locators.iterator.flatMap(_.locate(directory)).nextOption().getOrElse(throw new ExchangeException(
      ExchangeErrorCode.INVALID_ARGUMENT,
      "This executor cannot find the exchange agent. It does not know its Ray node because raydp did not start it. " +
        s"Set ${RaydpConfiguration.ExchangeSocket.key} to the agent's socket on every node."))
  }

  /**
   * Where the agent of this node has its socket. The agent decides by the same rule (`prepare_socket` in Python): if
   * another user has taken the name of the user's folder, the name of the replacement contains a hash of the token,
   * which that user cannot know.
   */
  private def directoryHere(directory: Path, token: Array[Byte]): Path = {
    val folder = directory.getParent
    val isTaken = Files.exists(folder, LinkOption.NOFOLLOW_LINKS) && !TrustedPaths.isPrivate(folder)
    if (!isTaken || TrustedPaths.isPrivate(directory)) directory
    else {
      val digest = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(token)).take(HashDigits)
      folder.resolveSibling(s"${folder.getFileName}-$digest").resolve(directory.getFileName)
    }
  }

  /** The name under which the agent behind a socket is known to the driver. */
  def nodeOf(socket: String): String = Path.of(socket).getFileName.toString.stripSuffix(SocketSuffix)
}
