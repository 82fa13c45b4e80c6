package io.raydp.exchange

import java.nio.file.Path
import java.util.concurrent.{ScheduledThreadPoolExecutor, TimeUnit}

import scala.annotation.tailrec
import scala.collection.mutable
import scala.util.control.NonFatal

import org.apache.spark.SparkEnv

/**
 * The idle connections of this JVM. The next task of a slot reuses its connection together with the warm pages of its
 * segments: touching a new segment for the first time costs more than writing a block.
 *
 * @param idleMillis how long a connection may be idle before it is closed and its memory returned, and a thread before it
 *   ends
 * @param maximumIdle how many idle connections are kept. With as many as tasks can run at once, idle and busy ones
 *   together have no more segments than busy ones alone could have
 */
final class AgentConnectionPool(idleMillis: Long, maximumIdle: => Int) {
  import AgentConnectionPool._

  private val idle = mutable.ArrayBuffer.empty[Idle]
  private val evictor = {
    val executor = new ScheduledThreadPoolExecutor(
      1,
      { (task: Runnable) =>
        val thread = new Thread(task, "raydp-exchange-idle-connections")
        thread.setDaemon(true)
        thread
      })
    executor.setRemoveOnCancelPolicy(true)
    // A thread keeps its class loader, and each session of Spark Connect has a loader of its own.
    executor.setKeepAliveTime(idleMillis, TimeUnit.MILLISECONDS)
    executor.allowCoreThreadTimeOut(true)
    executor
  }
  private val sockets = new SocketWatch(idleMillis)

  /**
   * A connection to this node's agent that only the caller uses until it is released or discarded.
   *
   * @param exportId the export that the caller sends blocks for; only its blocks may still be in flight
   * @param cancellation ends the wait for the connection, and the waits on it afterwards
   * @param patienceMillis how long to try again while no agent listens
   * @throws ExchangeException with code CANCELLED if it was cancelled, or CONNECTION_REFUSED if no agent listens
   */
  def acquire(
      address: AgentAddress,
      exportId: Option[Long],
      cancellation: Cancellation,
      patienceMillis: Long = AgentStartMillis): AgentConnection = {
    val path = AgentLocator.socketHere(address).toString
    takeIdle(address, path, exportId, cancellation).getOrElse(connect(address, cancellation, patienceMillis))
  }

  /** Takes a working connection back. The caller holds none of its segments. */
  def release(connection: AgentConnection, address: AgentAddress): Unit =
    if (connection.isCancelled) discard(connection)
    else {
      val entry = new Idle(connection, address)
      val surplus = synchronized {
        idle += entry
        Option.when(idle.size > maximumIdle)(idle.remove(0))
      }
      surplus.foreach(_.connection.close())
      evictor.schedule((() => evict(entry)): Runnable, idleMillis, TimeUnit.MILLISECONDS)
      ()
    }

  /** Closes a connection that failed, and the idle ones whose agent has died as well. */
  def discard(connection: AgentConnection): Unit = {
    connection.close()
    val dead = synchronized {
      val (gone, others) = idle.toList.partition(_.connection.isAgentGone)
      idle.clear()
      idle ++= others
      gone
    }
    dead.foreach(_.connection.close())
  }

  /** Waits for the socket of this node's agent, at most for `millis`. */
  def awaitSocket(address: AgentAddress, cancellation: Cancellation, millis: Long): Unit = {
    cancellation.beforeWait(() => sockets.endWaits())
    sockets.await(AgentLocator.socketHere(address), millis)
  }

  private def takeIdle(
      address: AgentAddress,
      path: String,
      exportId: Option[Long],
      cancellation: Cancellation): Option[AgentConnection] = {
    val found = synchronized {
      val index = idle.lastIndexWhere { entry =>
        entry.connection.path == path && entry.address.application == address.application &&
        java.util.Arrays.equals(entry.address.token, address.token)
      }
      Option.when(index >= 0)(idle.remove(index).connection)
    }
    found.filter { connection =>
      val usable =
        try {
          cancellation.beforeWait(() => connection.cancel())
          connection.drain(exportId.getOrElse(NoExport), address.waits.read, address.waits.block)
          !connection.isAgentGone
        } catch { case NonFatal(_) => false }
      // An idle connection breaks when its agent ends; a new one replaces it.
      if (!usable) discard(connection)
      usable
    }
  }

  private def evict(entry: Idle): Unit = {
    val stillIdle = synchronized {
      val index = idle.indexWhere(_ eq entry)
      if (index >= 0) idle.remove(index)
      index >= 0
    }
    if (stillIdle) entry.connection.close()
  }

  @tailrec
  private def connect(
      address: AgentAddress,
      cancellation: Cancellation,
      patienceMillis: Long,
      began: Long = System.nanoTime(),
      attempt: Int = 0): AgentConnection = {
    def leftMillis(of: Long): Long = of - TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - began)

    // The agent may have had to choose another folder meanwhile.
    val path = AgentLocator.socketHere(address, attempt).toString
    val connection = AgentConnection.to(path)
    val refused =
      try {
        cancellation.beforeWait(() => connection.cancel())
        val wait =
          math.min(address.waits.connection.millis.toLong, math.max(leftMillis(AgentStartMillis), RetryMillis)).toInt
        connection.connect(address.token, address.application, wait)
        None
      } catch {
        case NonFatal(failure) =>
          connection.close()
          failure match {
            case refused: ExchangeException if Retried(refused.code) => Some(refused)
            case other => throw other
          }
      }
    refused match {
      case None => connection
      case Some(answer) if AgentLocator.otherUser(address).isDefined => throw OtherUser.error(address, answer)
      case Some(_) if leftMillis(patienceMillis) > 0 =>
        cancellation.beforeWait(() => sockets.endWaits())
        // Only briefly: the file exists before the agent listens.
        sockets.await(Path.of(path), math.min(leftMillis(patienceMillis), RetryMillis))
        connect(address, cancellation, patienceMillis, began, attempt + 1)
      case Some(answer) =>
        throw new ExchangeException(
          ExchangeErrorCode.CONNECTION_REFUSED,
          "No exchange agent answers on this node. It died, or the node joined the cluster during the conversion " +
            s"and its agent did not start in time. Convert again. Socket: $path, waited: " +
            s"${patienceMillis / 1000} s, last answer: ${answer.getMessage}",
          answer)
    }
  }
}

object AgentConnectionPool {
  private final class Idle(val connection: AgentConnection, val address: AgentAddress)

  /** How long a task waits for the agent of a node that has just joined the cluster, which may be busy. */
  private[exchange] val AgentStartMillis = 120000L
  private val NoExport = -1L

  /** A dying agent still accepts connections, and closes them. */
  private val Retried = Set(ExchangeErrorCode.CONNECTION_REFUSED, ExchangeErrorCode.CONNECTION_CLOSED)

  private val RetryMillis = 500L
  private val IdleMillis = 30000L

  /** The pool of this JVM. */
  val shared: AgentConnectionPool = new AgentConnectionPool(IdleMillis, taskSlots())

  private def taskSlots(): Int = Option(SparkEnv.get).fold(Runtime.getRuntime.availableProcessors) { env =>
    val cores = env.conf.getInt("spark.executor.cores", Runtime.getRuntime.availableProcessors)
    math.max(1, cores / env.conf.getInt("spark.task.cpus", 1))
  }
}
