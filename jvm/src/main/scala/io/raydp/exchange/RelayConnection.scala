package io.raydp.exchange

import java.io.Closeable
import java.nio.ByteBuffer
import java.util.concurrent.{CompletableFuture, ExecutionException, TimeUnit, TimeoutException}

import org.apache.spark.network.client.{RpcResponseCallback, TransportClient}

/** The client's end of a connection to a relay. One thread at a time calls; any other may cancel. */
private[exchange] final class RelayConnection(client: TransportClient, val relay: RelayAddress) extends Closeable {
  import RelayConnection._

  // Guarded by this.
  private var waiting: Option[CompletableFuture[RelayReply]] = None
  private var cancelled = false

  /**
   * Sends a request and waits for the reply.
   *
   * @throws ExchangeException the relay's failure; with code CONNECTION_CLOSED if it does not answer any more
   */
  def call(request: RelayRequest): RelayReply = {
    val reply = new CompletableFuture[RelayReply]
    synchronized {
      if (cancelled) throw cancellation
      waiting = Some(reply)
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
    try reply.get(AnswerSeconds, TimeUnit.SECONDS) match {
        case RelayReply.Failed(code, message) => throw new ExchangeException(code, s"$message. Relay: $relay")
        case other => other
      }
    catch {
      case failure: ExecutionException =>
        throw Option(failure.getCause).collect { case known: ExchangeException => known }
          .getOrElse(silent(failure.toString, Some(failure)))
      case _: TimeoutException => throw silent(s"no answer within $AnswerSeconds s", None)
    } finally synchronized { waiting = None }
  }

  /** Makes the current call, or the next one, fail. */
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
    val text = "A relay does not answer any more; its executor was stopped or has died. Relay: " +
      s"$relay, reason: $reason"
    cause.fold(new ExchangeException(ExchangeErrorCode.CONNECTION_CLOSED, text))(
      new ExchangeException(ExchangeErrorCode.CONNECTION_CLOSED, text, _))
  }
}

private object RelayConnection {

  /** A relay answers within a few seconds, even if its agent does not. */
  private val AnswerSeconds = 60L
}
