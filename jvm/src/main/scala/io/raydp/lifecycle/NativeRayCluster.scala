package io.raydp.lifecycle

import java.io.File
import java.net.{InetSocketAddress, Socket}
import java.nio.file.Path
import java.util.concurrent.{Callable, ExecutionException, Executors, TimeUnit, TimeoutException}

import scala.jdk.CollectionConverters._
import scala.util.Success
import scala.util.control.NonFatal

import io.ray.api.{ActorHandle, BaseActorHandle, PlacementGroups, Ray}
import io.ray.api.options.PlacementGroupCreationOptions
import io.ray.api.placementgroup.PlacementStrategy
import io.raydp.configuration.RaydpConfiguration
import org.slf4j.LoggerFactory

/** The real Ray cluster, joined by this JVM as a driver of a job of its own. */
private[lifecycle] final class NativeRayCluster(address: String, spec: ApplicationSpec) extends RayCluster {
  import NativeRayCluster._

  private val log = LoggerFactory.getLogger(classOf[NativeRayCluster])
  private lazy val watch = new ActorWatch
  private lazy val here: NodeResources = {
    val id = Ray.getRuntimeContext.getCurrentNodeId.toString
    nodes().find(_.id == id).getOrElse(throw new IllegalStateException(s"the cluster does not list this node: $id"))
  }
  @volatile private var joined = false

  override def connect(): Unit =
    if (!Ray.isInitialized) {
      probe()
      Map(
        "ray.address" -> Some(address),
        "ray.job.code-search-path" -> Some(System.getProperty("ray.job.code-search-path", jarOf(getClass))),
        "ray.job.namespace" -> Some(System.getProperty("ray.job.namespace", spec.id))).foreach { case (key, value) =>
        value.foreach(System.setProperty(key, _))
      }
      join()
      joined = true
    }

  override def nodes(): Vector[NodeResources] =
    Ray.getRuntimeContext.getAllNodeInfo.asScala.toVector.filter(_.isAlive).map { node =>
      val total = node.resources.asScala.map { case (name, amount) => name -> amount.doubleValue }.toMap
      NodeResources(node.nodeId.toString, node.nodeAddress, total)
    }

  override def hasRoom(demand: Map[String, Double]): Boolean = {
    val bundle = demand.filter(_._2 > 0).map { case (name, amount) => name -> Double.box(amount) }.asJava
    val group = PlacementGroups.createPlacementGroup(
      new PlacementGroupCreationOptions.Builder()
        .setName(s"${spec.id}-probe-${System.nanoTime}")
        .setBundles(java.util.List.of(bundle))
        .setStrategy(PlacementStrategy.PACK)
        .build())
    try group.`wait`(RoomSeconds)
    finally PlacementGroups.removePlacementGroup(group.getId)
  }

  override def launch(id: Int, bundle: Option[Int], post: FleetEvent => Unit): RemoteExecutor = {
    val executor = spec.executor
    val actor = RayActors.createExecutor(
      new RayActors.Request(
        s"raydp-${spec.id.stripPrefix("raydp-")}-executor-$id",
        boxed(executor.demand),
        executor.javaOptionsOf(spec.id, id).asJava,
        executor.runtimeEnv.asJava,
        executor.placement.map(_.groupId).getOrElse(""),
        bundle.getOrElse(-1)))
    watch.add(RayActors.place(actor)) {
      case Success(bytes) => post(FleetEvent.Booted(id, ExecutorPlace.decode(bytes)))
      case died => post(FleetEvent.Ended(id, Left(ActorWatch.account(died))))
    }
    new RemoteExecutor {
      override def start(launch: ExecutorLaunch): Unit =
        watch.add(RayActors.run(actor, launch.encoded)) { answer =>
          post(FleetEvent.Ended(
            id,
            answer.map(ExecutorOutcome.decode).toEither.left.map(_ => ActorWatch.account(answer))))
        }
      override def kill(): Unit = end(actor, s"executor $id")
    }
  }

  override def startAppMaster(generation: Int, post: FleetEvent => Unit): RemoteAppMaster = {
    val suffix = if (generation == 1) "" else s"-$generation"
    val actor = RayActors.createAppMaster(
      new RayActors.Request(
        s"raydp-${spec.id.stripPrefix("raydp-")}-master$suffix",
        boxed(appMasterDemand),
        (appMasterJavaOptions ++ spec.appMaster.javaOptions).asJava,
        Map.empty[String, String].asJava,
        "",
        -1))
    watch.add(RayActors.end(actor))(answer => post(FleetEvent.AppMasterLost(generation, ActorWatch.account(answer))))
    new RemoteAppMaster {
      override def decide(snapshot: FleetSnapshot, timeoutMillis: Long): Decision =
        try AppMasterCall.result(Ray.get(RayActors.decide(actor, SnapshotCodec.encode(snapshot)), timeoutMillis))
        catch { case NonFatal(error) => throw new RemoteCallException(ActorWatch.account(error), error) }
      override def kill(): Unit = end(actor, "the AppMaster")
    }
  }

  override def startShuffleService(
      number: Int,
      host: String,
      service: ShuffleServiceSpec,
      launch: ShuffleServiceLaunch,
      post: FleetEvent => Unit): RemoteShuffleService = {
    val actor = RayActors.createShuffleService(
      new RayActors.Request(
        s"raydp-${spec.id.stripPrefix("raydp-")}-shuffle-service-$number",
        boxed(Map("memory" -> service.memory.toDouble, s"node:$host" -> NodeShare)),
        service.javaOptions.asJava,
        Map.empty[String, String].asJava,
        "",
        -1))
    val lost = (reason: String) => post(FleetEvent.ShuffleServiceLost(number, reason))
    watch.add(RayActors.serviceEnd(actor))(answer => lost(ActorWatch.account(answer)))
    watch.add(RayActors.start(actor, launch.encoded)) {
      case Success(bytes) =>
        ShuffleServiceAnswer.decode(bytes).port.fold(lost, port => post(FleetEvent.ShuffleServiceReady(number, port)))
      case died => lost(ActorWatch.account(died))
    }
    new RemoteShuffleService {
      override def kill(): Unit = end(actor, s"the shuffle service of $host")
    }
  }

  /** On the driver's node, unless a custom resource says where. */
  private def appMasterDemand: Map[String, Double] = {
    val asked = spec.appMaster.demand.filter { case (name, amount) => amount > 0 || name == "CPU" }
    if (asked.keys.exists(!StandardResources(_))) asked else asked + (s"node:${here.address}" -> NodeShare)
  }

  override def close(): Unit =
    if (joined) {
      joined = false
      watch.close()
      Ray.shutdown()
    }

  private def end(actor: ActorHandle[_], what: String): Unit =
    try (actor: BaseActorHandle).kill(true)
    catch { case NonFatal(error) => log.debug(s"$what was gone already", error) }

  /** Looks whether something listens, since Ray's own attempt takes minutes to give up or ends the process. */
  private def probe(): Unit = {
    val colon = address.lastIndexOf(':')
    val socket = new Socket
    try {
      val host = address.substring(0, colon).stripPrefix("[").stripSuffix("]")
      socket.connect(new InetSocketAddress(host, address.substring(colon + 1).toInt), ProbeMillis)
    } catch {
      case error @ (_: java.io.IOException | _: RuntimeException) => throw unreachable(error.toString, Some(error))
    } finally socket.close()
  }

  private def join(): Unit = {
    RayInternals.keepDriverLogging()
    Option(System.getProperty("raydp.ray.session-dir")).foreach(RayInternals.loadNativeLibrary)
    val thread = Executors.newSingleThreadExecutor { task =>
      val joining = new Thread(task, "raydp-ray-init")
      joining.setDaemon(true)
      joining
    }
    val attempt: Callable[Unit] = () => RayInternals.join()
    try thread.submit(attempt).get(JoinMillis, TimeUnit.MILLISECONDS)
    catch {
      case error: ExecutionException => throw unreachable(ActorWatch.account(error.getCause), Some(error.getCause))
      case error: TimeoutException => throw unreachable(s"no answer within ${JoinMillis / 1000} s", Some(error))
    } finally thread.shutdown()
  }

  private def unreachable(reason: String, cause: Option[Throwable]) =
    new RayApplicationException(FailureKind.RayUnreachable, LifecycleMessages.unreachable(address, reason), cause)
}

private[lifecycle] object NativeRayCluster {
  private val ProbeMillis = 5000
  private val JoinMillis = 60000L
  private val RoomSeconds = 10

  /** Ties an actor to a node, and is too little to matter to anybody else. */
  private val NodeShare = 0.001

  private val StandardResources = Set("CPU", "GPU", "memory")

  /** A small JVM: it answers a few calls a second at most, and starts beside the driver and the executors. */
  private def appMasterJavaOptions: Vector[String] = Vector(
    "-cp",
    Vector(getClass, classOf[Option[_]], classOf[Ray]).map(jarOf).mkString(File.pathSeparator),
    ApplicationSpec.LoggingOption + RaydpConfiguration.ExecutorLogging.default.mkString,
    "-Draydp.role=app-master", // says in a list of processes which one this is
    "-Xmx64m",
    "-Xss512k",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:CICompilerCount=1",
    "-XX:-UsePerfData") ++ ModuleOptions

  /** What Ray needs on JDK 17 to serialise the exceptions of its own calls. */
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

  private def jarOf(of: Class[_]): String = Path.of(of.getProtectionDomain.getCodeSource.getLocation.toURI).toString

  private def boxed(amounts: Map[String, Double]): java.util.Map[String, java.lang.Double] =
    amounts.map { case (name, amount) => name -> Double.box(amount) }.asJava
}
