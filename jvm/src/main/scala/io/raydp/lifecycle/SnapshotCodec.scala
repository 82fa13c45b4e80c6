package io.raydp.lifecycle

import java.io.{ByteArrayInputStream, ByteArrayOutputStream, DataInputStream, DataOutputStream}

/**
 * The bytes that the driver and the AppMaster exchange. Both run the same jar, so there is no versioning.
 *
 * Written by hand so that the AppMaster's small class path (our jar, Scala's library, Ray) is enough, and so that
 * nothing that arrives can name a class to be made.
 */
object SnapshotCodec {

  def encode(fleet: FleetSnapshot): Array[Byte] = written { out =>
    out.writeLong(fleet.now)
    out.writeInt(fleet.desired)
    many(out, fleet.executors) { executor =>
      out.writeInt(executor.id)
      out.writeByte(executor.phase.code.toInt)
      out.writeLong(executor.since)
      maybe(out, executor.doom) { doom =>
        maybe(out, doom.deadline)(out.writeLong)
        out.writeBoolean(doom.intended)
      }
    }
    out.writeInt(fleet.nextId)
    out.writeInt(fleet.failures.count)
    out.writeLong(fleet.failures.lastAt)
    out.writeUTF(fleet.failures.kind.name)
    text(out, fleet.failures.lastReason)
    out.writeBoolean(fleet.failures.hopeless)
    out.writeInt(fleet.silentLosses)
    out.writeLong(fleet.tasksFinished)
    maybe(out, fleet.demand)(amounts(out, _))
    many(out, fleet.nodes) { node =>
      out.writeUTF(node.id)
      out.writeUTF(node.address)
      amounts(out, node.total)
    }
    maybe(out, fleet.infeasibleSince)(out.writeLong)
    fleet.probe match {
      case Probe.Never => out.writeByte(0)
      case Probe.Running => out.writeByte(1)
      case Probe.Ended(at) =>
        out.writeByte(2)
        out.writeLong(at)
    }
    policy(out, fleet.policy)
  }

  def decode(bytes: Array[Byte]): FleetSnapshot = {
    val in = new DataInputStream(new ByteArrayInputStream(bytes))
    FleetSnapshot(
      now = in.readLong(),
      desired = in.readInt(),
      executors = many(in)(
        ObservedExecutor(
          in.readInt(),
          ExecutorPhase.all(in.readByte().toInt),
          in.readLong(),
          maybe(in)(Doom(maybe(in)(in.readLong()), in.readBoolean())))),
      nextId = in.readInt(),
      failures =
        StartFailures(in.readInt(), in.readLong(), FailureKind.named(in.readUTF()), text(in), in.readBoolean()),
      silentLosses = in.readInt(),
      tasksFinished = in.readLong(),
      demand = maybe(in)(amounts(in)),
      nodes = many(in)(NodeResources(in.readUTF(), in.readUTF(), amounts(in))),
      infeasibleSince = maybe(in)(in.readLong()),
      probe = probe(in),
      policy =
        FleetPolicy(in.readLong(), in.readLong(), in.readInt(), in.readLong(), in.readLong(), in.readLong()))
  }

  def encode(decision: Decision): Array[Byte] = written { out =>
    many(out, decision.actions) {
      case Action.Launch(id) =>
        out.writeByte(0)
        out.writeInt(id)
      case Action.Kill(id, why) =>
        out.writeByte(1)
        out.writeInt(id)
        out.writeByte(why.code.toInt)
      case Action.Probe(id) =>
        out.writeByte(3)
        out.writeInt(id)
      case Action.Fail(kind, message) =>
        out.writeByte(2)
        out.writeUTF(kind.name)
        text(out, message)
    }
    maybe(out, decision.wakeAt)(out.writeLong)
  }

  def decodeDecision(bytes: Array[Byte]): Decision = {
    val in = new DataInputStream(new ByteArrayInputStream(bytes))
    val actions = many(in) {
      in.readByte().toInt match {
        case 0 => Action.Launch(in.readInt())
        case 1 => Action.Kill(in.readInt(), KillReason.all(in.readByte().toInt))
        case 2 => Action.Fail(FailureKind.named(in.readUTF()), text(in))
        case 3 => Action.Probe(in.readInt())
        case other => throw new IllegalArgumentException(s"no such action: $other")
      }
    }
    Decision(actions, maybe(in)(in.readLong()))
  }

  private def probe(in: DataInputStream): Probe = in.readByte().toInt match {
    case 0 => Probe.Never
    case 1 => Probe.Running
    case 2 => Probe.Ended(in.readLong())
    case other => throw new IllegalArgumentException(s"no such probe: $other")
  }

  private def policy(out: DataOutputStream, policy: FleetPolicy): Unit = {
    out.writeLong(policy.startTimeout)
    out.writeLong(policy.infeasibleTimeout)
    out.writeInt(policy.maxConsecutiveFailures)
    out.writeLong(policy.killGrace)
    out.writeLong(policy.backOffBase)
    out.writeLong(policy.backOffLimit)
  }

  private[lifecycle] def written(write: DataOutputStream => Unit): Array[Byte] = {
    val bytes = new ByteArrayOutputStream
    val out = new DataOutputStream(bytes)
    write(out)
    out.flush()
    bytes.toByteArray
  }

  private[lifecycle] def many[T](out: DataOutputStream, items: Iterable[T])(write: T => Unit): Unit = {
    out.writeInt(items.size)
    items.foreach(write)
  }

  private[lifecycle] def many[T](in: DataInputStream)(read: => T): Vector[T] = Vector.fill(in.readInt())(read)

  private def maybe[T](out: DataOutputStream, item: Option[T])(write: T => Unit): Unit = {
    out.writeBoolean(item.isDefined)
    item.foreach(write)
  }

  private def maybe[T](in: DataInputStream)(read: => T): Option[T] = Option.when(in.readBoolean())(read)

  private def amounts(out: DataOutputStream, resources: Map[String, Double]): Unit =
    many(out, resources) { case (name, amount) =>
      out.writeUTF(name)
      out.writeDouble(amount)
    }

  private def amounts(in: DataInputStream): Map[String, Double] = many(in)((in.readUTF(), in.readDouble())).toMap

  /** A text of any length; writeUTF stops at 64 KiB. */
  private[lifecycle] def text(out: DataOutputStream, value: String): Unit = {
    val bytes = value.getBytes("UTF-8")
    out.writeInt(bytes.length)
    out.write(bytes)
  }

  private[lifecycle] def text(in: DataInputStream): String = new String(in.readNBytes(in.readInt()), "UTF-8")

  private[lifecycle] def texts(out: DataOutputStream, values: Map[String, String]): Unit =
    many(out, values) { case (key, value) =>
      text(out, key)
      text(out, value)
    }

  private[lifecycle] def texts(in: DataInputStream): Map[String, String] = many(in)((text(in), text(in))).toMap
}
