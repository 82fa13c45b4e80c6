package io.raydp.exchange

import scala.collection.mutable

/**
 * The relays that did not answer tasks of this executor lately. A frozen process still takes connections, so a task only
 * finds out by waiting. Other relays are tried first.
 */
private[exchange] object SilentRelays {

  /** Spark removes an executor whose heartbeats have stopped for that long, and its relay with it. */
  private val MillisAvoided = 120000L

  private val untilNanos = mutable.HashMap.empty[RelayAddress, Long]

  def add(relay: RelayAddress): Unit = synchronized {
    untilNanos(relay) = System.nanoTime() + MillisAvoided * 1000000L
  }

  def contains(relay: RelayAddress): Boolean = synchronized {
    untilNanos.filterInPlace((_, until) => until - System.nanoTime() > 0)
    untilNanos.contains(relay)
  }
}
