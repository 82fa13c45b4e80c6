package io.raydp.lifecycle

import io.raydp.process.{ExecutorLaunch, ShuffleServiceLaunch}

/**
 * Everything that an application does to the Ray cluster.
 *
 * This process owns the actors: Ray ends them when it ends, however it ends.
 */
private[lifecycle] trait FleetEffects {

  /**
   * Joins the cluster.
   *
   * @throws RayApplicationException the cluster cannot be reached
   */
  def connect(): Unit

  /** The living nodes. */
  def nodes(): Vector[NodeResources]

  /** Whether a placement group has all its bundles. It has not while Ray looks for nodes in place of lost ones. */
  def isReserved(groupId: String): Boolean

  /** Finds out whether the cluster can hold a demand now, by reserving it for a moment. Blocks for seconds. */
  def hasCapacity(demand: Map[String, Double]): Boolean

  /**
   * Requests the actor of an executor. `post` receives ProcessStarted and Ended.
   *
   * @param bundle index in the application's placement group, if it has one
   */
  def launch(id: Int, bundle: Option[Int], post: FleetEvent => Unit): RemoteExecutor

  /** Requests an AppMaster. `post` receives AppMasterLost when it ends. */
  def startAppMaster(incarnation: Int, post: FleetEvent => Unit): RemoteAppMaster

  /** Requests a shuffle service on a host. `post` receives ShuffleServiceReady and ShuffleServiceLost. */
  def startShuffleService(
      serviceId: Int,
      host: String,
      service: ShuffleServiceSpec,
      launch: ShuffleServiceLaunch,
      post: FleetEvent => Unit): RemoteShuffleService

  /** Leaves the cluster, which ends all remaining actors. Bounded and idempotent. No other call may be in progress. */
  def close(): Unit
}

private[lifecycle] trait RemoteExecutor {

  /** Lets the executor join the driver. May be called before its process runs. */
  def start(launch: ExecutorLaunch): Unit

  /** Kills its process, or withdraws the request. Idempotent. */
  def kill(): Unit
}

private[lifecycle] trait RemoteShuffleService {

  /** Kills its process and deletes the files that it served, or withdraws the request. Idempotent. */
  def kill(): Unit
}

private[lifecycle] trait RemoteAppMaster {

  /**
   * Blocks until the AppMaster has decided.
   *
   * @throws RemoteCallException it is gone, or does not answer in time
   */
  def decide(snapshot: FleetSnapshot, timeoutMillis: Long): Decision

  /** Kills its process, or withdraws the request. Idempotent. */
  def kill(): Unit
}

/** A call to another process failed. The message says how. */
private[lifecycle] final class RemoteCallException(message: String, cause: Throwable)
    extends RuntimeException(message, cause)
