package io.raydp.lifecycle

import java.nio.ByteBuffer
import java.util.HexFormat

import scala.jdk.CollectionConverters._

import io.ray.api.PlacementGroups
import io.ray.api.call.ActorCreator
import io.ray.api.id.PlacementGroupId
import io.ray.api.placementgroup.{PlacementGroup, PlacementGroupState}
import io.ray.api.runtimeenv.RuntimeEnv

/**
 * What to request from Ray for one actor.
 *
 * @param name name of the actor, in the job's namespace
 * @param demand amounts by Ray's resource names
 * @param javaOptions options of its JVM
 * @param runtimeEnv fields of Ray's runtime_env for its process, each as JSON
 * @param bundle where in a placement group it goes; None for no placement group
 */
final case class ActorRequest(
    name: String,
    demand: Map[String, Double],
    javaOptions: Vector[String],
    runtimeEnv: Map[String, String] = Map.empty,
    bundle: Option[GroupBundle] = None) {

  /** Tells Ray, which then creates the actor with `remote()`. */
  def configure[A](creator: ActorCreator[A]): ActorCreator[A] = {
    creator.setName(name).setMaxRestarts(0).setMaxConcurrency(ActorRequest.Threads)
    creator.setResources(demand.map { case (resource, amount) => resource -> Double.box(amount) }.asJava)
    creator.setJvmOptions((ActorRequest.crashOptions ++ javaOptions).asJava)
    if (runtimeEnv.nonEmpty) {
      val environment = new RuntimeEnv.Builder().build()
      runtimeEnv.foreach { case (field, json) => environment.setJsonStr(field, json) }
      creator.setRuntimeEnv(environment)
    }
    bundle.foreach { place =>
      creator.setPlacementGroup(GroupBundle.groupOf(place.groupId), place.index)
    }
    creator
  }
}

/**
 * A bundle of a placement group.
 *
 * @param groupId id of the group in hexadecimal
 * @param index index of the bundle; -1 stands for any bundle with free resources
 */
final case class GroupBundle(groupId: String, index: Int)

object GroupBundle {

  /** Whether a group has all its bundles. */
  def isReserved(groupId: String): Boolean = groupOf(groupId).getState == PlacementGroupState.CREATED

  private[lifecycle] def groupOf(groupId: String): PlacementGroup =
    PlacementGroups.getPlacementGroup(
      PlacementGroupId.fromByteBuffer(ByteBuffer.wrap(HexFormat.of().parseHex(groupId))))
}

object ActorRequest {

  /** Each kind of actor has a method that never returns, and another one that must answer meanwhile. */
  private val Threads = 2

  /** The name in Ray of an application's actor. */
  def nameOf(applicationId: String, role: String): String = s"raydp-${applicationId.stripPrefix("raydp-")}-$role"

  /**
   * Has a JVM that crashes write its report to Ray's logs, and no core dump, which would have secrets and data in it. Its
   * working folder is the one in which the user started Ray. The user's options come later, so they win.
   */
  private def crashOptions: Vector[String] =
    Option(System.getProperty("raydp.ray.session-dir"))
      .map(session => s"-XX:ErrorFile=$session/logs/hs_err_raydp_%p.log")
      .toVector :+ "-XX:-CreateCoredumpOnCrash"
}
