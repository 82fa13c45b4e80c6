package io.raydp.lifecycle

import scala.util.control.NonFatal

import io.raydp.process.ByteMessages

/** Both sides of a call to the AppMaster. A failure is returned as a value, because an exception would end the actor. */
object AppMasterCall {
  private val Answered = 0
  private val Refused = 1

  def answer(snapshot: Array[Byte]): Array[Byte] =
    try {
      val decision = SnapshotCodec.encode(Reconciler.decide(SnapshotCodec.decode(snapshot)))
      ByteMessages.written { out =>
        out.writeByte(Answered)
        out.write(decision)
      }
    } catch {
      case NonFatal(error) =>
        ByteMessages.written { out =>
          out.writeByte(Refused)
          ByteMessages.writeText(out, s"${error.getClass.getName}: ${error.getMessage}")
        }
    }

  /** @throws IllegalStateException the AppMaster could not decide; its message says why */
  def result(answer: Array[Byte]): Decision = {
    val body = answer.drop(1)
    if (answer.headOption.contains(Answered.toByte)) SnapshotCodec.decodeDecision(body)
    else {
      val reason = ByteMessages.readText(ByteMessages.reader(body))
      throw new IllegalStateException(s"The AppMaster could not decide: $reason")
    }
  }
}
