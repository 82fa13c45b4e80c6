package org.apache.spark.raydp

import java.nio.file.{Files, LinkOption, Path}

import scala.jdk.CollectionConverters._

import org.apache.spark.{SecurityManager, SparkConf}
import org.apache.spark.internal.config.SHUFFLE_SERVICE_PORT
import org.apache.spark.network.TransportContext
import org.apache.spark.network.client.{RpcResponseCallback, TransportClient}
import org.apache.spark.network.crypto.AuthServerBootstrap
import org.apache.spark.network.netty.SparkTransportConf
import org.apache.spark.network.server.TransportServerBootstrap
import org.apache.spark.network.shuffle.ExternalBlockHandler
import org.apache.spark.network.shuffle.protocol.{BlockTransferMessage, RegisterExecutor}

/**
 * Serves the shuffle files of one application's executors on one host, whether these still run or not.
 *
 * The protocol and all of its handling are Spark's. `org.apache.spark.deploy.ExternalShuffleService` would do, but it
 * listens on every address of the host; its use of `SecurityManager` and `SparkTransportConf`, which Spark keeps to
 * itself, is repeated here. A service of Spark's that takes an address would replace this.
 *
 * @param host address to listen on
 * @param found is told of each folder that holds files of an executor
 * @throws java.io.IOException it cannot listen there
 */
final class ShuffleService(host: String, applicationId: String, conf: SparkConf, found: Path => Unit) {
  private val security = new SecurityManager(conf)
  private val transport = SparkTransportConf.fromSparkConf(
    conf,
    "shuffle",
    numUsableCores = 0,
    sslOptions = Some(security.getRpcSSLOptions()))
  private val bootstraps: Seq[TransportServerBootstrap] =
    if (security.isAuthenticationEnabled()) Seq(new AuthServerBootstrap(transport, security)) else Nil
  private val server = new TransportContext(transport, new Handler, true)
    .createServer(host, conf.getInt(SHUFFLE_SERVICE_PORT.key, 0), bootstraps.asJava)

  /** The one of `spark.shuffle.service.port`, or one that was free. */
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

  /** What is found is deleted in the end; without authentication anybody may name a folder. */
  def isOfBlockManager(folder: Path): Boolean =
    folder.isAbsolute && folder.getFileName.toString.startsWith(Prefix) && folder == folder.normalize &&
      Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)
}
