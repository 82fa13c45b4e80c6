package io.raydp.lifecycle

import io.raydp.process.{ExecutorOutcome, ExecutorPlace}
import org.apache.spark.raydp.DriverScheduler

/** What can happen to an application. The fleet's one thread handles the events in turn. */
private[lifecycle] sealed trait FleetEvent

private[lifecycle] object FleetEvent {

  /** Spark's scheduler is running: executors can join it. */
  final case class Attached(scheduler: DriverScheduler, desired: Int) extends FleetEvent

  /** Spark needs this many executors. */
  final case class Desired(count: Int) extends FleetEvent

  /** Spark told these executors to stop. */
  final case class ToldToStop(ids: Seq[Int]) extends FleetEvent

  /** Spark gives these executors no more tasks. They end once they have none left. */
  final case class Decommissioned(ids: Seq[Int]) extends FleetEvent

  /** An executor's process runs. */
  final case class ProcessStarted(id: Int, place: ExecutorPlace) extends FleetEvent

  /** An executor has joined the driver and can run tasks. */
  final case class Registered(id: Int) extends FleetEvent

  /** An executor's connection to the driver broke. */
  final case class Disconnected(id: Int) extends FleetEvent

  /** An executor reports that its process is about to end. */
  final case class Ending(id: Int, outcome: ExecutorOutcome) extends FleetEvent

  /** An executor's actor ended: with the executor's own report, or on the left, with Ray's. */
  final case class Ended(id: Int, outcome: Either[String, ExecutorOutcome]) extends FleetEvent

  /** The AppMaster of this incarnation answered a call. */
  final case class Decided(incarnation: Int, decision: Decision) extends FleetEvent

  /** The AppMaster of this incarnation is gone or does not answer. Ray reports one death several times, even late. */
  final case class AppMasterLost(incarnation: Int, reason: String) extends FleetEvent

  /** It is time to replace the AppMaster of this incarnation, which was lost. */
  final case class AppMasterDue(lost: Int) extends FleetEvent

  /** The cluster's nodes were looked up. */
  final case class NodesSeen(nodes: Vector[NodeResources]) extends FleetEvent

  /** The placement group of the executors was looked up. */
  final case class GroupSeen(isReserved: Boolean) extends FleetEvent

  /** What the autoscaler does for executors that no node could hold, as in [[FleetSnapshot.growing]]. */
  final case class GrowthSeen(patience: Long, said: String) extends FleetEvent

  /** Whether the cluster had the capacity for an executor that Ray did not start and whose request was withdrawn. */
  final case class CapacityChecked(id: Int, available: Boolean) extends FleetEvent

  /** A shuffle service listens on this port of its host. */
  final case class ShuffleServiceReady(serviceId: Int, port: Int) extends FleetEvent

  /** A shuffle service did not start, or is gone. */
  final case class ShuffleServiceLost(serviceId: Int, reason: String) extends FleetEvent

  /** End everything. */
  case object Stop extends FleetEvent
}
