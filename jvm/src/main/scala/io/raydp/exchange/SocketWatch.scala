package io.raydp.exchange

import java.io.IOException
import java.nio.file.{FileSystems, Files, Path, StandardWatchEventKinds, WatchService}

import scala.util.control.NonFatal

import org.slf4j.LoggerFactory

/**
 * Waits for the sockets of agents that start. All tasks of this JVM share one watch service. Each watch service is an
 * inotify instance, and by default a user may have only 128 of them.
 */
private[exchange] object SocketWatch {
  private val log = LoggerFactory.getLogger(getClass)

  /** Without it, because the user has no inotify instance left, waits take their full time. */
  private lazy val service: Option[WatchService] =
    try {
      val created = FileSystems.getDefault.newWatchService()
      val thread = new Thread((() => follow(created)): Runnable, "raydp-exchange-sockets")
      thread.setDaemon(true)
      thread.start()
      Some(created)
    } catch { case _: IOException => None }

  private var changes = 0L

  /** Waits for a new file where `socket` will be, for [[endWaits]], or for `millis`. */
  def await(socket: Path, millis: Long): Unit = {
    val seen = synchronized(changes)
    // Before an agent starts, its application's folder may not exist.
    val existing = Iterator.iterate(socket.getParent)(_.getParent).find(Files.isDirectory(_)).get
    try service.foreach(existing.register(_, StandardWatchEventKinds.ENTRY_CREATE))
    catch { case _: IOException => () } // the folder was removed since
    val deadline = System.nanoTime() + millis * 1000000L
    synchronized {
      var left = millis
      while (changes == seen && left > 0) {
        wait(left)
        left = (deadline - System.nanoTime()) / 1000000L
      }
    }
  }

  /** Ends all waits. Those who still need a socket wait again. */
  def endWaits(): Unit = synchronized {
    changes += 1
    notifyAll()
  }

  private def follow(service: WatchService): Unit =
    try {
      while (true) {
        val folder = service.take()
        folder.pollEvents()
        folder.reset()
        endWaits()
      }
    } catch { case NonFatal(error) => log.warn("New sockets of agents are not noticed any more", error) }
}
