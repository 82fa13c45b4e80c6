package io.raydp.lifecycle

import java.util.concurrent.ConcurrentHashMap

import scala.jdk.CollectionConverters._
import scala.util.{Failure, Success, Try}
import scala.util.control.NonFatal

import io.ray.api.{ObjectRef, Ray}
import org.slf4j.LoggerFactory

/**
 * Waits in one thread for the answers of many actor calls. An actor's death is an answer too.
 *
 * Ray's Java API has no callbacks, and its wait cannot be interrupted. So the thread waits in short steps; a call that is
 * added meanwhile is part of the next step. Each step holds the monitor that `Ray.shutdown` takes, because a shutdown
 * frees the memory that a wait reads, and a program may call it at any time.
 */
private[lifecycle] final class ActorWatch extends AutoCloseable {
  private val log = LoggerFactory.getLogger(classOf[ActorWatch])
  private val awaited = new ConcurrentHashMap[ObjectRef[Array[Byte]], Try[Array[Byte]] => Unit]
  private val added = new Object
  @volatile private var closed = false
  private val thread = new Thread(() => watch(), "raydp-actor-watch")
  thread.setDaemon(true)
  thread.start()

  /** Calls `answered` once, in the watch's thread. */
  def add(ref: ObjectRef[Array[Byte]])(answered: Try[Array[Byte]] => Unit): Unit = {
    awaited.put(ref, answered)
    added.synchronized(added.notifyAll())
  }

  /** Stops waiting and drops later answers. When it returns, no call to Ray is in progress. */
  override def close(): Unit = {
    closed = true
    added.synchronized(added.notifyAll())
    thread.join(ActorWatch.JoinMillis)
    if (thread.isAlive) throw new IllegalStateException(s"Ray's wait did not return within ${ActorWatch.JoinMillis} ms")
  }

  private def watch(): Unit =
    while (!closed) {
      val refs = awaited.keySet.asScala.toVector
      if (refs.isEmpty) awaitWork()
      else
        try
          classOf[Ray].synchronized {
            if (Ray.isInitialized)
              Ray.wait(refs.asJava, 1, ActorWatch.WaitMillis, true).getReady.asScala.foreach(deliver)
            else closed = true
          }
        catch {
          case NonFatal(error) =>
            if (!closed) log.warn("Waiting for Ray's actors failed. Retrying", error)
            awaitWork()
        }
    }

  private def awaitWork(): Unit = added.synchronized { if (!closed) added.wait(ActorWatch.WaitMillis.toLong) }

  private def deliver(ref: ObjectRef[Array[Byte]]): Unit =
    Option(awaited.remove(ref)).foreach { answered =>
      val answer = Try(ref.get)
      try answered(answer)
      catch { case NonFatal(error) => log.error("An actor's answer could not be handled", error) }
    }
}

private[lifecycle] object ActorWatch {
  private val WaitMillis = 250
  private val JoinMillis = 5000L

  /** How an actor ended or a call failed, in one line, in Ray's words. */
  def describe(answer: Try[_]): String = answer match {
    case Failure(error) => describe(error)
    case Success(_) => "it returned"
  }

  def describe(error: Throwable): String = {
    val causes = Iterator.iterate(error)(_.getCause).takeWhile(_ != null).take(MaximumCauses)
    causes
      .map(cause => Option(cause.getMessage).getOrElse(cause.getClass.getName))
      .flatMap(_.linesIterator.map(_.trim).filter(_.nonEmpty))
      .toVector
      .distinct
      .mkString(" ")
      .take(MaximumLength)
  }

  private val MaximumCauses = 5
  private val MaximumLength = 1500
}
