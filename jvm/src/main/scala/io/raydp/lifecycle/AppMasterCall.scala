package io.raydp.lifecycle

import scala.util.control.NonFatal

/** The AppMaster's side and the driver's side of one call, so that a failure crosses as a value. */
object AppMasterCall {
  private val Answered = 0
  private val Refused = 1

  def answer(snapshot: Array[Byte]): Array[Byte] =
    try {
      val decision = SnapshotCodec.encode(Reconciler.decide(SnapshotCodec.decode(snapshot)))
      SnapshotCodec.written { out =>
        out.writeByte(Answered)
        out.write(decision)
      }
    } catch {
      case NonFatal(error) =>
        SnapshotCodec.written { out =>
          out.writeByte(Refused)
          SnapshotCodec.text(out, s"${error.getClass.getName}: ${error.getMessage}")
        }
    }

  /** @throws IllegalStateException the AppMaster could not decide; its message says why */
  def result(answer: Array[Byte]): Decision = {
    val body = answer.drop(1)
    if (answer.headOption.contains(Answered.toByte)) SnapshotCodec.decodeDecision(body)
    else {
      val in = new java.io.DataInputStream(new java.io.ByteArrayInputStream(body))
      throw new IllegalStateException(s"The AppMaster could not decide: ${SnapshotCodec.text(in)}")
    }
  }
}
