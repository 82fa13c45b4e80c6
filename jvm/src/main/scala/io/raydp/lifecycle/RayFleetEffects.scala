package io.raydp.lifecycle

import java.io.File
import java.util.Collections

import scala.jdk.CollectionConverters._
import scala.util.Success
import scala.util.control.NonFatal

import io.ray.api.{ActorHandle, BaseActorHandle, PlacementGroups, Ray}
import io.ray.api.options.PlacementGroupCreationOptions
import io.ray.api.placementgroup.PlacementStrategy
import io.raydp.process.{
  Encoding,
  ExecutorLaunch,
  ExecutorOutcome,
  ExecutorPlace,
  ShuffleServiceAnswer,
  ShuffleServiceLaunch
}
import org.slf4j.LoggerFactory

/** What an application does to a real Ray cluster, through Ray's Java API. */
private[lifecycle] final class RayFleetEffects(address: String, spec: ApplicationSpec) extends FleetEffects {
  import RayFleetEffects._

  private val log = LoggerFactory.getLogger(classOf[RayFleetEffects])
  private val connection = new RayConnection(address, spec.id)
  private lazy val watch = new ActorWatch
  private lazy val here: NodeResources = {
    val id = Ray.getRuntimeContext.getCurrentNodeId.toString
    nodes().find(_.id == id).getOrElse(throw new IllegalStateException(s"The cluster does not list this node: $id"))
  }

  override def connect(): Unit = connection.open()

  override def nodes(): Vector[NodeResources] =
    Ray.getRuntimeContext.getAllNodeInfo.asScala.toVector.filter(_.isAlive).map { node =>
      val total = node.resources.asScala.map { case (name, amount) => name -> amount.doubleValue }.toMap
      NodeResources(node.nodeId.toString, node.nodeAddress, total)
    }

  override def isReserved(groupId: String): Boolean = GroupBundle.isReserved(groupId)

  override def hasCapacity(demand: Map[String, Double]): Boolean = {
    val bundle = demand.filter(_._2 > 0).map { case (name, amount) => name -> Double.box(amount) }.asJava
    val group = PlacementGroups.createPlacementGroup(
      new PlacementGroupCreationOptions.Builder()
        .setName(s"${spec.id}-capacity-check-${System.nanoTime}")
        .setBundles(Collections.singletonList(bundle))
        .setStrategy(PlacementStrategy.PACK)
        .build())
    try group.`wait`(CapacitySeconds)
    finally PlacementGroups.removePlacementGroup(group.getId)
  }

  override def launch(id: Int, bundle: Option[Int], post: FleetEvent => Unit): RemoteExecutor = {
    val actor = RayActors.createExecutor(spec.executor.request(spec.id, id, bundle))
    endingOnFailure(actor, s"executor $id") {
      watch.add(RayActors.place(actor)) { answer =>
        answer.map(Encoding.decode[ExecutorPlace](_)) match {
          case Success(place) => post(FleetEvent.ProcessStarted(id, place))
          case died => post(FleetEvent.Ended(id, Left(ActorWatch.describe(died))))
        }
      }
    }
    new RemoteExecutor {
      override def start(launch: ExecutorLaunch): Unit =
        watch.add(RayActors.run(actor, Encoding.encode(launch))) { answer =>
          post(FleetEvent.Ended(
            id,
            answer.map(Encoding.decode[ExecutorOutcome](_)).toEither.left.map(_ => ActorWatch.describe(answer))))
        }
      override def kill(): Unit = end(actor, s"executor $id")
    }
  }

  override def startAppMaster(incarnation: Int, post: FleetEvent => Unit): RemoteAppMaster = {
    val suffix = if (incarnation == 1) "" else s"-$incarnation"
    val actor = RayActors.createAppMaster(
      ActorRequest(
        ActorRequest.nameOf(spec.id, s"master$suffix"),
        appMasterDemand,
        appMasterJavaOptions ++ spec.appMaster.javaOptions))
    endingOnFailure(actor, "the AppMaster") {
      watch.add(RayActors.end(actor))(answer =>
        post(FleetEvent.AppMasterLost(incarnation, ActorWatch.describe(answer))))
    }
    new RemoteAppMaster {
      override def decide(snapshot: FleetSnapshot, timeoutMillis: Long): Decision =
        try AppMasterCall.result(Ray.get(RayActors.decide(actor, Encoding.encode(snapshot)), timeoutMillis))
        catch { case NonFatal(error) => throw new RemoteCallException(ActorWatch.describe(error), error) }
      override def kill(): Unit = end(actor, "the AppMaster")
    }
  }

  override def startShuffleService(
      serviceId: Int,
      host: String,
      service: ShuffleServiceSpec,
      launch: ShuffleServiceLaunch,
      post: FleetEvent => Unit): RemoteShuffleService = {
    val actor = RayActors.createShuffleService(
      ActorRequest(
        ActorRequest.nameOf(spec.id, s"shuffle-service-$serviceId"),
        Map("memory" -> service.memory.toDouble, s"node:$host" -> NodeShare),
        service.javaOptions))
    val lost = (reason: String) => post(FleetEvent.ShuffleServiceLost(serviceId, reason))
    endingOnFailure(actor, s"the shuffle service of $host") {
      watch.add(RayActors.serviceEnd(actor))(answer => lost(ActorWatch.describe(answer)))
      watch.add(RayActors.start(actor, Encoding.encode(launch))) { answer =>
        answer.map(Encoding.decode[ShuffleServiceAnswer](_)) match {
          case Success(said) => said.port.fold(lost, port => post(FleetEvent.ShuffleServiceReady(serviceId, port)))
          case died => lost(ActorWatch.describe(died))
        }
      }
    }
    new RemoteShuffleService {
      override def kill(): Unit = end(actor, s"the shuffle service of $host")
    }
  }

  /** On the driver's node, unless a custom resource names another place. */
  private def appMasterDemand: Map[String, Double] = {
    val asked = spec.appMaster.demand.filter { case (name, amount) => amount > 0 || name == "CPU" }
    if (asked.keys.exists(!StandardResources(_))) asked else asked + (s"node:${here.address}" -> NodeShare)
  }

  override def close(): Unit = connection.close(() => watch.close())

  /** An actor that cannot be called would stay until this process leaves Ray, because nothing else knows it. */
  private def endingOnFailure(actor: ActorHandle[_], what: String)(calls: => Unit): Unit =
    try calls
    catch { case error: Throwable => end(actor, what); throw error }

  private def end(actor: ActorHandle[_], what: String): Unit =
    try {
      val handle: BaseActorHandle = actor
      handle.kill(true)
    } catch { case NonFatal(error) => log.debug(s"$what was already gone", error) }
}

private[lifecycle] object RayFleetEffects {
  private val CapacitySeconds = 10

  /** Ties an actor to a node, and is too small to matter to anyone else. */
  private val NodeShare = 0.001

  private val StandardResources = Set("CPU", "GPU", "memory")

  /** A small JVM: it answers at most a few calls per second, and starts while the driver and the executors start. */
  private def appMasterJavaOptions: Vector[String] = Vector(
    "-cp",
    Vector(getClass, classOf[Option[_]], classOf[Ray]).map(RayConnection.jarOf).mkString(File.pathSeparator),
    WorkerLogging.START_OPTION,
    "-Draydp.role=app-master", // names the process in a list of processes
    "-Xmx64m",
    "-Xss512k",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:CICompilerCount=1",
    "-XX:-UsePerfData") ++ ModuleOptions

  /** Ray needs these on JDK 17 to serialize the exceptions of its own calls. */
  private val ModuleOptions = Vector(
    "java.lang",
    "java.lang.invoke",
    "java.util",
    "java.util.concurrent",
    "java.math",
    "java.text",
    "java.net",
    "java.nio",
    "java.io",
    "java.time",
    "sun.nio.ch").map(name => s"--add-opens=java.base/$name=ALL-UNNAMED")
}
