package io.raydp.exchange

import java.io.IOException
import java.nio.file.{ClosedWatchServiceException, FileSystems, Files, Path, WatchKey, WatchService}
import java.nio.file.StandardWatchEventKinds.ENTRY_CREATE
import java.util.concurrent.TimeUnit

import scala.util.control.NonFatal

import org.slf4j.LoggerFactory

/**
 * Waits for the sockets of agents that start. All tasks share one watch service. Each watch service is an inotify
 * instance, and by default a user may have only 128 of them. It ends, with its thread, when nobody has waited for some
 * time: a thread keeps its class loader, and each session of Spark Connect has a loader of its own.
 *
 * @param idleMillis how long nobody may wait before the watch service ends
 */
private[exchange] final class SocketWatch(idleMillis: Long) {
  import SocketWatch._

  private var current: Option[WatchService] = None
  private var waiting = 0
  private var changes = 0L

  /** Waits for a new file where `socket` will be, for [[endWaits]], or for `millis`. */
  def await(socket: Path, millis: Long): Unit = {
    val seen = synchronized {
      waiting += 1
      changes
    }
    try {
      watchFolderOf(socket)
      awaitChange(seen, millis)
    } finally synchronized(waiting -= 1)
  }

  /** Ends all waits. Those who still need a socket wait again. */
  def endWaits(): Unit = synchronized {
    changes += 1
    notifyAll()
  }

  private def watchFolderOf(socket: Path): Unit = {
    // Before an agent starts, its application's folder may not exist.
    val existing = Iterator.iterate(socket.getParent)(_.getParent).find(Files.isDirectory(_)).get
    try {
      existing.register(service(), ENTRY_CREATE)
      ()
    } catch {
      // The folder was removed since, or the user has no inotify instance left. Then the wait takes its full time.
      case _: IOException | _: ClosedWatchServiceException => ()
    }
  }

  private def awaitChange(seen: Long, millis: Long): Unit = {
    val deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis)
    synchronized {
      var left = millis
      while (changes == seen && left > 0) {
        wait(left)
        left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime())
      }
    }
  }

  private def service(): WatchService = synchronized {
    current.getOrElse {
      val created = FileSystems.getDefault.newWatchService()
      current = Some(created)
      val thread = new Thread((() => follow(created)): Runnable, ThreadName)
      thread.setDaemon(true)
      thread.start()
      created
    }
  }

  private def follow(service: WatchService): Unit =
    try {
      while (!endsUnused(service, Option(service.poll(idleMillis, TimeUnit.MILLISECONDS)))) ()
    } catch {
      case NonFatal(error) => log.warn("New sockets of agents are not noticed until a task waits again", error)
    } finally {
      forget(service)
      service.close()
    }

  /** Takes a change, or its absence for the idle time. Tells whether the service ends then. */
  private def endsUnused(service: WatchService, changed: Option[WatchKey]): Boolean = synchronized {
    changed.foreach { folder =>
      folder.pollEvents()
      folder.reset()
      endWaits()
    }
    val isUnused = changed.isEmpty && waiting == 0
    if (isUnused) forget(service)
    isUnused
  }

  private def forget(service: WatchService): Unit = synchronized {
    if (current.exists(_ eq service)) current = None
  }
}

private[exchange] object SocketWatch {
  private val log = LoggerFactory.getLogger(getClass)
  private val ThreadName = "raydp-exchange-sockets"
}
