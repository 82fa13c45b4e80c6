package io.raydp.lifecycle

/** What can happen to an application; each is handled in turn by the fleet's one thread. */
private[lifecycle] sealed trait FleetEvent

private[lifecycle] object FleetEvent {

  /** Spark's scheduler is there: executors can join it. */
  final case class Attached(link: SchedulerLink, desired: Int) extends FleetEvent

  /** Spark wants this many executors. */
  final case class Desired(count: Int) extends FleetEvent

  /** Spark has told these executors to stop. */
  final case class Doomed(ids: Seq[Int]) extends FleetEvent

  /** Spark gives these executors no more tasks; they end by themselves once they are done. */
  final case class Leaving(ids: Seq[Int]) extends FleetEvent

  /** An executor's process runs. */
  final case class Booted(id: Int, place: ExecutorPlace) extends FleetEvent

  /** An executor has joined and can run tasks. */
  final case class Registered(id: Int) extends FleetEvent

  /** An executor's connection to the driver broke. */
  final case class Disconnected(id: Int) extends FleetEvent

  /** An executor says that its process is about to end. */
  final case class Ending(id: Int, outcome: ExecutorOutcome) extends FleetEvent

  /** An executor's actor ended: with its own account of that, or, on the left, with Ray's. */
  final case class Ended(id: Int, outcome: Either[String, ExecutorOutcome]) extends FleetEvent

  /** The AppMaster has decided. */
  final case class Decided(decision: Decision) extends FleetEvent

  /** This AppMaster (they are numbered) is gone or does not answer. */
  final case class AppMasterLost(generation: Int, reason: String) extends FleetEvent

  /** The cluster's nodes were looked up. */
  final case class NodesSeen(nodes: Vector[NodeResources]) extends FleetEvent

  /** Whether the cluster had room for an executor whose request, now withdrawn, was not fulfilled. */
  final case class Probed(id: Int, room: Boolean) extends FleetEvent

  /** A shuffle service (they are numbered) listens on this port of its host. */
  final case class ShuffleServiceReady(number: Int, port: Int) extends FleetEvent

  /** A shuffle service did not start, or is gone. */
  final case class ShuffleServiceLost(number: Int, reason: String) extends FleetEvent

  /** It is time to start an AppMaster in place of the one that was lost. */
  case object AppMasterDue extends FleetEvent

  /** End everything. */
  case object Stop extends FleetEvent
}
