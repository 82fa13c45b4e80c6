package io.raydp.lifecycle

/**
 * The lifecycle's end of the Ray cluster: all effects on it go through here.
 *
 * Handles belong to this process: Ray ends the actors when it ends, in whatever way.
 */
private[lifecycle] trait RayCluster {

  /**
   * Joins the cluster.
   *
   * @throws RayApplicationException it cannot be reached
   */
  def connect(): Unit

  /** The living nodes. */
  def nodes(): Vector[NodeResources]

  /** Finds out, by reserving it for a moment, whether the cluster has a demand free; blocks for seconds. */
  def hasRoom(demand: Map[String, Double]): Boolean

  /**
   * Asks for the actor of an executor; what becomes of it is told to `post` as Booted and Ended.
   *
   * @param bundle index in the application's placement group, if it has one
   */
  def launch(id: Int, bundle: Option[Int], post: FleetEvent => Unit): RemoteExecutor

  /** Asks for an AppMaster; its end is told to `post` as AppMasterLost. */
  def startAppMaster(generation: Int, post: FleetEvent => Unit): RemoteAppMaster

  /**
   * Asks for a shuffle service on a host; what becomes of it is told to `post` as ShuffleServiceReady and
   * ShuffleServiceLost, with `number`.
   */
  def startShuffleService(
      number: Int,
      host: String,
      service: ShuffleServiceSpec,
      launch: ShuffleServiceLaunch,
      post: FleetEvent => Unit): RemoteShuffleService

  /** Leaves the cluster, which ends whatever actor is left; bounded and idempotent. No call may be under way. */
  def close(): Unit
}

private[lifecycle] trait RemoteExecutor {

  /** Lets the executor join the driver; may be called before its process runs. */
  def start(launch: ExecutorLaunch): Unit

  /** Ends its process, or withdraws the request; idempotent. */
  def kill(): Unit
}

private[lifecycle] trait RemoteShuffleService {

  /** Ends its process, and deletes the files that it served; or withdraws the request. Idempotent. */
  def kill(): Unit
}

private[lifecycle] trait RemoteAppMaster {

  /**
   * Blocks until the AppMaster has decided.
   *
   * @throws RemoteCallException it is gone, or does not answer within the time
   */
  def decide(snapshot: FleetSnapshot, timeoutMillis: Long): Decision

  def kill(): Unit
}

/** A call to another process failed; the message says how. */
private[lifecycle] final class RemoteCallException(message: String, cause: Throwable)
    extends RuntimeException(message, cause)
