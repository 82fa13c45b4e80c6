package io.raydp.exchange

import java.nio.file.{AccessDeniedException, Files, LinkOption, NoSuchFileException, NotDirectoryException, Path}
import java.security.MessageDigest
import java.util.HexFormat

import scala.jdk.CollectionConverters._
import scala.util.Using

import io.raydp.configuration.RaydpConfiguration
import io.raydp.security.TrustedPaths
import org.apache.spark.SparkEnv

/**
 * A way to find the socket of an exchange agent on the machine that this JVM runs on.
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

  /** Names the socket to wait for while there is none yet. */
  private val NoNode = "none"

  /** The environment variable that names the socket, for executors in containers. */
  private val SocketVariable = "RAYDP_EXCHANGE_SOCKET"

  /** How many digits of the token's hash name a folder. */
  private val HashDigits = 16

  /** The folder of a user's applications; `application_folder` in Python names it. */
  private val FolderOfUser = "^raydp-(\\d+)$".r

  private val configuredSocket: AgentLocator = _ =>
    Option(SparkEnv.get).flatMap(_.conf.getOption(RaydpConfiguration.ExchangeSocket.key)).map(Path.of(_))

  private val socketOfNode: AgentLocator = directory =>
    sys.props.get(NodeProperty).map(node => directory.resolve(node.take(NodeDigits) + SocketSuffix))

  private val socketOfEnvironment: AgentLocator = _ => sys.env.get(SocketVariable).map(Path.of(_))

  /** The first that finds a socket wins. */
  private val locators: Seq[AgentLocator] = Seq(configuredSocket, socketOfEnvironment, socketOfNode)

  /**
   * The socket of this machine's agent. An executor that raydp did not start does not know its Ray node, and there may
   * be several on its machine, each with an agent. It takes one of the agents that listen.
   *
   * @param attempt how many times the caller has tried in vain. The agent of a Ray node that was lost leaves its socket
   *   behind, so each attempt takes another one
   */
  def socketHere(address: AgentAddress, attempt: Int = 0): Path = {
    val directory = directoryHere(Path.of(address.directory), address.token)
    locators.iterator.flatMap(_.locate(directory)).nextOption().getOrElse {
      val sockets = socketsIn(directory)
      if (sockets.isEmpty) directory.resolve(NoNode + SocketSuffix)
      else sockets(Math.floorMod(ownNumber + attempt, sockets.size))
    }
  }

  /**
   * The users of the agents and of this process, if they are two and nothing names the socket: such an executor finds no
   * agent, however long it looks.
   */
  def otherUser(address: AgentAddress): Option[(Int, Int)] = {
    val directory = Path.of(address.directory)
    for {
      name <- Option(directory.getParent).flatMap(folder => Option(folder.getFileName))
      agents <- FolderOfUser.findFirstMatchIn(name.toString).flatMap(_.group(1).toIntOption)
      own = TrustedPaths.user()
      if agents != own && locators.forall(_.locate(directory).isEmpty)
    } yield agents -> own
  }

  /** Divides the executors of a machine among its agents. */
  private def ownNumber: Int = Option(SparkEnv.get).fold(0)(_.executorId.hashCode)

  private def socketsIn(directory: Path): Seq[Path] =
    try {
      Using.resource(Files.list(directory)) { files =>
        files.iterator.asScala.filter(_.getFileName.toString.endsWith(SocketSuffix)).toSeq.sorted
      }
    } catch {
      // The last one: the folder of temporary files of another user, under whom the driver runs.
      case _: NoSuchFileException | _: NotDirectoryException | _: AccessDeniedException => Nil
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
