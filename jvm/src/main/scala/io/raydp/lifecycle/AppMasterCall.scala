package io.raydp.lifecycle

import scala.util.control.NonFatal

import io.raydp.process.Encoding

/**
 * Both sides of a call to the AppMaster. A failure is returned as a value, because an exception would end the actor: the
 * answer is the decision, or on the left, why there is none.
 */
object AppMasterCall {

  def answer(snapshot: Array[Byte]): Array[Byte] =
    try encoded(Right(Reconciler.decide(Encoding.decode[FleetSnapshot](snapshot))))
    catch { case NonFatal(error) => encoded(Left(s"${error.getClass.getName}: ${error.getMessage}")) }

  /** @throws IllegalStateException the AppMaster could not decide; its message says why */
  def result(answer: Array[Byte]): Decision = Encoding.decode[Either[String, Decision]](answer).fold(
    reason => throw new IllegalStateException(s"The AppMaster could not decide: $reason"),
    identity)

  private def encoded(answer: Either[String, Decision]): Array[Byte] = Encoding.encode(answer)
}
