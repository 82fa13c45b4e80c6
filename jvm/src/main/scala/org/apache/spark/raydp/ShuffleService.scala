package org.apache.spark.raydp

import java.nio.file.{Files, LinkOption, Path}

import scala.jdk.CollectionConverters._

import org.apache.spark.{SecurityManager, SparkConf}
import org.apache.spark.internal.config.SHUFFLE_SERVICE_PORT
import org.apache.spark.network.TransportContext
import org.apache.spark.network.client.{RpcResponseCallback, TransportClient}
import org.apache.spark.network.crypto.AuthServerBootstrap
import org.apache.spark.network.server.TransportServerBootstrap
import org.apache.spark.network.shuffle.ExternalBlockHandler
import org.apache.spark.network.shuffle.protocol.{BlockTransferMessage, RegisterExecutor}

/**
 * Serves the shuffle files of one application's executors on one host, including executors that have ended.
 *
 * The protocol and its handling are Spark's. `org.apache.spark.deploy.ExternalShuffleService` would do, but it listens
 * on every address of the host. This class repeats its use of `SecurityManager` and `SparkTransportConf`, which are
 * private in Spark. A service of Spark's that takes an address would replace it.
 *
 * @param host address to listen on
 * @param found called with each folder that contains files of an executor
 * @throws java.io.IOException the service cannot listen there
 */
final class ShuffleService(host: String, applicationId: String, conf: SparkConf, found: Path => Unit) {
  UnauthenticatedClients.limit()
  private val security = new SecurityManager(conf)
  private val transport = SparkVersion.transportConf(conf, security)
  private val bootstraps: Seq[TransportServerBootstrap] =
    if (security.isAuthenticationEnabled()) Seq(new AuthServerBootstrap(transport, security)) else Nil
  private val server = new TransportContext(transport, new Handler, true)
    .createServer(host, conf.getInt(SHUFFLE_SERVICE_PORT.key, 0), bootstraps.asJava)

  /** `spark.shuffle.service.port`, or a free port. */
  val port: Int = server.getPort

  private final class Handler extends ExternalBlockHandler(transport, null) {
    override protected def handleMessage(
        message: BlockTransferMessage,
        client: TransportClient,
        callback: RpcResponseCallback): Unit = {
      super.handleMessage(message, client, callback)
      message match {
        case executor: RegisterExecutor if executor.appId == applicationId =>
          executor.executorInfo.localDirs.map(Path.of(_)).filter(ShuffleService.isOfBlockManager).foreach(found)
        case _ =>
      }
    }
  }
}

private object ShuffleService {
  private val Prefix = "blockmgr-"

  /** Checked because the folder is deleted in the end, and without authentication any client can name one. */
  def isOfBlockManager(folder: Path): Boolean =
    folder.isAbsolute && folder.getFileName.toString.startsWith(Prefix) && folder == folder.normalize &&
      Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)
}
