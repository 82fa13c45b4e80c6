package io.raydp.exchange

import java.util.concurrent.Executor

import scala.annotation.tailrec
import scala.collection.mutable

/**
 * Answers the requests of one client of a relay one after the other, in order.
 *
 * @param workers run what waits
 */
private[exchange] final class ClientQueue(workers: Executor) {

  /** Those that have no answer yet; the first one is being answered. Guarded by this. */
  private val waiting = mutable.Queue.empty[() => () => Unit]

  /**
   * Answers a request after those before it.
   *
   * @param answer returns what sends the answer. The request counts until then
   * @return false if the client has too many requests underway; the request is ignored then
   */
  def add(answer: () => () => Unit): Boolean = synchronized {
    val isInBounds = waiting.size < RelaySession.MostRequests
    if (isInBounds) {
      waiting.enqueue(answer)
      if (waiting.size == 1) workers.execute(() => run())
    }
    isInBounds
  }

  @tailrec
  private def run(): Unit = {
    val answer = synchronized(waiting.head)
    val send = answer()
    // The client may send another request as soon as it has this answer.
    val isLast = synchronized {
      waiting.dequeue()
      waiting.isEmpty
    }
    send()
    if (!isLast) run()
  }
}
