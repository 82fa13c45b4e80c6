package io.raydp.exchange

import java.util.concurrent.TimeUnit

import com.fasterxml.jackson.databind.node.JsonNodeFactory
import org.apache.spark.SparkContext
import org.apache.spark.raydp.ExecutorList
import org.apache.spark.scheduler.{
  SparkListener,
  SparkListenerApplicationEnd,
  SparkListenerExecutorAdded,
  SparkListenerExecutorRemoved
}
import org.apache.spark.sql.SparkSession

/** The hosts that have executors of an application which raydp did not start; Python calls it. Safe for any thread. */
final class ExecutorHosts private (context: SparkContext) extends SparkListener {
  private var sequence = 0L
  private var hosts = Map.empty[String, String]
  private var removed = Set.empty[String]
  private var ended = false

  override def onExecutorAdded(event: SparkListenerExecutorAdded): Unit =
    add(event.executorId, event.executorInfo.executorHost)

  override def onExecutorRemoved(event: SparkListenerExecutorRemoved): Unit = change {
    hosts -= event.executorId
    removed += event.executorId
  }

  override def onApplicationEnd(event: SparkListenerApplicationEnd): Unit = end()

  /**
   * Waits for another state than the one with this sequence number, at most for `timeoutMillis`. Returns the state then,
   * as JSON: its sequence number, the hosts without repetition, and whether the application has ended.
   */
  def awaitChange(known: Long, timeoutMillis: Int): String = synchronized {
    val deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(timeoutMillis.toLong)
    var left = timeoutMillis.toLong
    while (sequence == known && left > 0) {
      wait(left)
      left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime())
    }
    json
  }

  /** Stops following the application. Ends the waits. */
  def close(): Unit = {
    context.removeSparkListener(this)
    end()
  }

  private def end(): Unit = {
    Relays.close()
    change { ended = true }
  }

  private def json: String = {
    val state = JsonNodeFactory.instance.objectNode
    state.put("sequence", sequence).put("ended", ended || context.isStopped)
    val list = state.putArray("hosts")
    hosts.values.toSeq.distinct.sorted.foreach(list.add(_))
    state.toString
  }

  private def add(executor: String, host: String): Unit = change {
    // The listener and the list of executors may know of one removal at different times. Ids are not used again.
    if (!removed(executor)) hosts += executor -> host
  }

  private def change(body: => Unit): Unit = synchronized {
    body
    sequence += 1
    notifyAll()
  }
}

object ExecutorHosts {

  /** Follows the executors of the session's application until [[ExecutorHosts.close]]. */
  def follow(session: SparkSession): ExecutorHosts = {
    val context = session.sparkContext
    val created = new ExecutorHosts(context)
    context.addSparkListener(created)
    ExecutorList.hosts(context).foreach { case (executor, host) => created.add(executor, host) }
    created
  }
}
