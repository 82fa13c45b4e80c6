package io.raydp.exchange

import java.nio.file.{Files, Path, StandardWatchEventKinds}
import java.util.concurrent.{ScheduledThreadPoolExecutor, TimeUnit}

import scala.collection.mutable
import scala.util.control.NonFatal

import org.apache.spark.SparkEnv

/**
 * The idle connections of this JVM. The next task of a slot reuses its connection together with the warm pages of its
 * segments: touching a new segment for the first time costs more than writing a block.
 *
 * @param idleMillis how long a connection may be idle before it is closed and its memory returned
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
    executor
  }

  /**
   * A connection to this node's agent that only the caller uses until it is released or discarded.
   *
   * @param exportId the export that the caller sends blocks for; only its blocks may still be in flight
   */
  def acquire(address: AgentAddress, exportId: Option[Long]): AgentConnection = {
    val path = AgentLocator.socketHere(Path.of(address.directory)).toString
    takeIdle(address, path, exportId).getOrElse(connect(address, path))
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

  /** Closes a connection that failed, and the idle ones to the same agent, which has probably died. */
  def discard(connection: AgentConnection): Unit = {
    connection.close()
    val stale = synchronized {
      val (same, others) = idle.toList.partition(_.connection.path == connection.path)
      idle.clear()
      idle ++= others
      same
    }
    stale.foreach(_.connection.close())
  }

  private def takeIdle(address: AgentAddress, path: String, exportId: Option[Long]): Option[AgentConnection] = {
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
          connection.drain(exportId.getOrElse(NoExport), address.timeoutMillis)
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

  private def connect(address: AgentAddress, path: String): AgentConnection = {
    val deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(AgentStartMillis)

    def attempt(): AgentConnection =
      try AgentConnection.open(path, address.token, address.application, address.timeoutMillis)
      catch {
        // A dying agent still accepts connections, and closes them.
        case refused: ExchangeException
            if refused.code == ExchangeErrorCode.CONNECTION_REFUSED ||
              refused.code == ExchangeErrorCode.CONNECTION_CLOSED =>
          val left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime())
          if (left <= 0) {
            throw new ExchangeException(
              ExchangeErrorCode.CONNECTION_REFUSED,
              "No exchange agent answers on this node. It died, or the node joined the cluster during the conversion " +
                s"and its agent did not start in time. Convert again. Socket: $path, waited: " +
                s"${AgentStartMillis / 1000} s, last answer: ${refused.getMessage}",
              refused)
          }
          awaitSocket(Path.of(path), left)
          attempt()
      }
    attempt()
  }

  /**
   * Waits for a new file in the socket's directory, but only briefly: the file exists before the agent listens.
   */
  private def awaitSocket(socket: Path, leftMillis: Long): Unit = {
    val existing = Iterator.iterate(socket.getParent)(_.getParent).find(Files.isDirectory(_)).get
    val watch = existing.getFileSystem.newWatchService()
    try {
      existing.register(watch, StandardWatchEventKinds.ENTRY_CREATE)
      watch.poll(math.min(leftMillis, RetryMillis), TimeUnit.MILLISECONDS)
    } finally watch.close()
  }
}

object AgentConnectionPool {
  private final class Idle(val connection: AgentConnection, val address: AgentAddress)

  /** How long a task waits for the agent of a node that has just joined the cluster, which may be busy. */
  private val AgentStartMillis = 120000L
  private val NoExport = -1L
  private val RetryMillis = 500L
  private val IdleMillis = 30000L

  /** The pool of this JVM. */
  val shared: AgentConnectionPool = new AgentConnectionPool(IdleMillis, taskSlots())

  private def taskSlots(): Int = Option(SparkEnv.get).fold(Runtime.getRuntime.availableProcessors) { env =>
    val cores = env.conf.getInt("spark.executor.cores", Runtime.getRuntime.availableProcessors)
    math.max(1, cores / env.conf.getInt("spark.task.cpus", 1))
  }
}
