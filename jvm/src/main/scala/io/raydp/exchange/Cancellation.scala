package io.raydp.exchange

/** Ends the wait of a task that is killed. The task says how before it waits; another thread cancels. */
private[exchange] final class Cancellation {
  import Cancellation.nothing

  private var cancelled = false
  private var endWait: () => Unit = nothing

  /**
   * From now on, [[cancel]] calls `endWait`, which must not block, and nothing else.
   *
   * @throws ExchangeException with code CANCELLED if it was called before
   */
  def beforeWait(endWait: () => Unit): Unit = synchronized {
    if (cancelled) throw new ExchangeException(ExchangeErrorCode.CANCELLED, "The task was cancelled.")
    this.endWait = endWait
  }

  /** From now on, [[cancel]] ends no wait. */
  def forgetWait(): Unit = synchronized {
    endWait = nothing
  }

  def cancel(): Unit = synchronized {
    cancelled = true
    endWait()
  }
}

private object Cancellation {
  private val nothing: () => Unit = () => ()
}
