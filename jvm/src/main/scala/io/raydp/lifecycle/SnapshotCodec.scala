package io.raydp.lifecycle

import java.io.{DataInputStream, DataOutputStream}

import io.raydp.process.ByteMessages.{readAll, readOption, readText, reader, writeAll, writeOption, writeText, written}

/** The bytes of the messages between the driver and the AppMaster. */
object SnapshotCodec {

  def encode(fleet: FleetSnapshot): Array[Byte] = written { out =>
    out.writeLong(fleet.now)
    out.writeInt(fleet.desired)
    writeAll(out, fleet.executors) { executor =>
      out.writeInt(executor.id)
      out.writeByte(executor.phase.code.toInt)
      out.writeLong(executor.since)
      writeOption(out, executor.departure) { departure =>
        writeOption(out, departure.deadline)(out.writeLong)
        out.writeBoolean(departure.intended)
      }
    }
    out.writeInt(fleet.nextId)
    out.writeInt(fleet.failures.count)
    out.writeLong(fleet.failures.lastAt)
    out.writeUTF(fleet.failures.kind.name)
    writeText(out, fleet.failures.lastReason)
    out.writeBoolean(fleet.failures.hopeless)
    out.writeInt(fleet.silentLosses)
    out.writeLong(fleet.tasksFinished)
    writeOption(out, fleet.demand)(amounts(out, _))
    writeAll(out, fleet.nodes) { node =>
      out.writeUTF(node.id)
      out.writeUTF(node.address)
      amounts(out, node.total)
    }
    out.writeBoolean(fleet.groupReserved)
    writeOption(out, fleet.infeasibleSince)(out.writeLong)
    out.writeLong(fleet.growth.patience)
    writeOption(out, fleet.growth.endedAt)(out.writeLong)
    writeText(out, fleet.growth.said)
    fleet.capacityCheck match {
      case CapacityCheck.NotStarted => out.writeByte(0)
      case CapacityCheck.Running(suspected) =>
        out.writeByte(1)
        out.writeBoolean(suspected)
      case CapacityCheck.Finished(at, suspected) =>
        out.writeByte(2)
        out.writeLong(at)
        out.writeBoolean(suspected)
    }
    policy(out, fleet.policy)
  }

  def decode(bytes: Array[Byte]): FleetSnapshot = {
    val in = reader(bytes)
    FleetSnapshot(
      now = in.readLong(),
      desired = in.readInt(),
      executors = readAll(in)(
        ObservedExecutor(
          in.readInt(),
          ExecutorPhase.all(in.readByte().toInt),
          in.readLong(),
          readOption(in)(Departure(readOption(in)(in.readLong()), in.readBoolean())))),
      nextId = in.readInt(),
      failures =
        StartFailures(in.readInt(), in.readLong(), FailureKind.named(in.readUTF()), readText(in), in.readBoolean()),
      silentLosses = in.readInt(),
      tasksFinished = in.readLong(),
      demand = readOption(in)(amounts(in)),
      nodes = readAll(in)(NodeResources(in.readUTF(), in.readUTF(), amounts(in))),
      groupReserved = in.readBoolean(),
      infeasibleSince = readOption(in)(in.readLong()),
      growth = Growth(in.readLong(), readOption(in)(in.readLong()), readText(in)),
      capacityCheck = capacityCheck(in),
      policy =
        FleetPolicy(in.readLong(), in.readLong(), in.readInt(), in.readLong(), in.readLong(), in.readLong()))
  }

  def encode(decision: Decision): Array[Byte] = written { out =>
    writeAll(out, decision.actions) {
      case Action.Launch(id) =>
        out.writeByte(0)
        out.writeInt(id)
      case Action.Kill(id, why) =>
        out.writeByte(1)
        out.writeInt(id)
        out.writeByte(why.code.toInt)
      case Action.CheckCapacity(id) =>
        out.writeByte(3)
        out.writeInt(id)
      case Action.Fail(kind, message) =>
        out.writeByte(2)
        out.writeUTF(kind.name)
        writeText(out, message)
    }
    writeOption(out, decision.wakeAt)(out.writeLong)
  }

  def decodeDecision(bytes: Array[Byte]): Decision = {
    val in = reader(bytes)
    val actions = readAll(in) {
      in.readByte().toInt match {
        case 0 => Action.Launch(in.readInt())
        case 1 => Action.Kill(in.readInt(), KillReason.all(in.readByte().toInt))
        case 2 => Action.Fail(FailureKind.named(in.readUTF()), readText(in))
        case 3 => Action.CheckCapacity(in.readInt())
        case other => throw new IllegalArgumentException(s"no such action: $other")
      }
    }
    Decision(actions, readOption(in)(in.readLong()))
  }

  private def capacityCheck(in: DataInputStream): CapacityCheck = in.readByte().toInt match {
    case 0 => CapacityCheck.NotStarted
    case 1 => CapacityCheck.Running(in.readBoolean())
    case 2 => CapacityCheck.Finished(in.readLong(), in.readBoolean())
    case other => throw new IllegalArgumentException(s"no such state of a capacity check: $other")
  }

  private def policy(out: DataOutputStream, policy: FleetPolicy): Unit = {
    out.writeLong(policy.startTimeout)
    out.writeLong(policy.infeasibleTimeout)
    out.writeInt(policy.maxConsecutiveFailures)
    out.writeLong(policy.killGrace)
    out.writeLong(policy.backOffBase)
    out.writeLong(policy.backOffLimit)
  }

  private def amounts(out: DataOutputStream, resources: Map[String, Double]): Unit =
    writeAll(out, resources) { case (name, amount) =>
      out.writeUTF(name)
      out.writeDouble(amount)
    }

  private def amounts(in: DataInputStream): Map[String, Double] = readAll(in)((in.readUTF(), in.readDouble())).toMap
}
