package io.raydp.exchange

import java.io.Closeable
import java.nio.ByteBuffer
import java.util.concurrent.{CompletableFuture, ExecutionException, TimeUnit, TimeoutException}

import scala.collection.mutable

import org.apache.spark.network.client.{RpcResponseCallback, TransportClient}

/**
 * The client's end of a connection to a relay. One thread at a time sends; any other may cancel.
 *
 * @param answerSeconds after which a relay that has not answered counts as dead
 */
private[exchange] final class RelayConnection(
    client: TransportClient,
    val relay: RelayAddress,
    answerSeconds: Long = RelayConnection.AnswerSeconds) extends Closeable {
  // Guarded by this.
  private val waiting = mutable.Set.empty[CompletableFuture[RelayReply]]
  private var cancelled = false

  /** Sends a request and waits for the reply; see [[RelayConnection.answer]]. */
  def call(request: RelayRequest): RelayReply = answer(send(request))

  /** Sends a request, whose bytes the caller must not touch until it has the answer. */
  def send(request: RelayRequest): CompletableFuture[RelayReply] = {
    val reply = new CompletableFuture[RelayReply]
    synchronized {
      if (cancelled) throw cancellation
      waiting += reply
    }
    client.sendRpc(
      RelayRequest.encode(request),
      new RpcResponseCallback {
        override def onSuccess(response: ByteBuffer): Unit = {
          try reply.complete(RelayReply.decode(response))
          catch { case failure: ExchangeException => reply.completeExceptionally(failure) }
          ()
        }
        override def onFailure(failure: Throwable): Unit = {
          reply.completeExceptionally(silent(failure.toString, Some(failure)))
          ()
        }
      })
    reply
  }

  /**
   * Waits for the reply to a request.
   *
   * @throws ExchangeException the relay's failure; with code CONNECTION_CLOSED if it does not answer any more
   */
  def answer(reply: CompletableFuture[RelayReply]): RelayReply =
    try reply.get(answerSeconds, TimeUnit.SECONDS) match {
        case RelayReply.Failed(code, message) => throw new ExchangeException(code, s"$message. Relay: $relay")
        case other => other
      }
    catch {
      case failure: ExecutionException =>
        throw Option(failure.getCause).collect { case known: ExchangeException => known }
          .getOrElse(silent(failure.toString, Some(failure)))
      case _: TimeoutException => throw silent(s"no answer within $answerSeconds s", None)
    } finally synchronized { waiting -= reply }

  /** Makes the requests that are underway, or the next one, fail. */
  def cancel(): Unit = synchronized {
    cancelled = true
    waiting.foreach(_.completeExceptionally(cancellation))
  }

  /** Returns when the connection has ended. */
  def awaitEnd(): Unit = {
    client.getChannel.closeFuture.awaitUninterruptibly()
    ()
  }

  override def close(): Unit = client.close()

  private def cancellation =
    new ExchangeException(ExchangeErrorCode.CANCELLED, s"The task was cancelled. Relay: $relay")

  private def silent(reason: String, cause: Option[Throwable]) = {
    SilentRelays.add(relay)
    val text = "A relay does not answer any more; its executor was stopped or has died. Relay: " +
      s"$relay, reason: $reason"
    cause.fold(new ExchangeException(ExchangeErrorCode.CONNECTION_CLOSED, text))(
      new ExchangeException(ExchangeErrorCode.CONNECTION_CLOSED, text, _))
  }
}

private[exchange] object RelayConnection {

  /** A relay answers within a few seconds, even if its agent does not. */
  val AnswerSeconds = 60L
}
