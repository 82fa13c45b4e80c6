package io.raydp.lifecycle

import java.io.File
import java.nio.file.{Files, Path}
import java.security.SecureRandom
import java.time.LocalDateTime
import java.time.format.DateTimeFormatter
import java.util.HexFormat

import scala.jdk.CollectionConverters._

import io.raydp.configuration.{CheckedSettings, FormerNames, RaydpConfiguration}
import org.apache.spark.SparkConf
import org.apache.spark.launcher.JavaModuleOptions
import org.apache.spark.raydp.{ExecutorResources, ExecutorSettings}
import org.slf4j.LoggerFactory

/**
 * Where executors go.
 *
 * @param bundles indexes in the placement group, used in turn. An index that appears twice takes twice as many
 *   executors; -1 stands for any bundle with free resources
 */
final case class PlacementSpec(groupId: String, bundles: Vector[Int]) {
  private val shares = bundles.groupMapReduce(identity)(_ => 1)(_ + _)

  /** The bundle for the next executor: one that lacks an executor, because the others may be full. */
  def bundleFor(occupied: Iterable[Int]): Int =
    bundles.minBy(bundle => occupied.count(_ == bundle) / shares(bundle))
}

/**
 * What each executor of an application needs.
 *
 * @param cores task slots
 * @param demand Ray resources, by Ray's names: CPU, memory in bytes, GPU and custom ones
 * @param javaOptions options of the JVM, including the class path
 * @param userJavaOptions the user's options of the JVM, with the placeholders `{{EXECUTOR_ID}}` and `{{APP_ID}}`
 * @param runtimeEnv fields of Ray's runtime_env for the process, each as JSON
 */
final case class ExecutorSpec(
    cores: Int,
    demand: Map[String, Double],
    javaOptions: Vector[String],
    userJavaOptions: String,
    runtimeEnv: Map[String, String],
    placement: Option[PlacementSpec]) {

  /**
   * The request for the actor of one executor.
   *
   * @param bundle index of its bundle in the placement group, if there is one
   */
  def request(applicationId: String, executor: Int, bundle: Option[Int]): ActorRequest = ActorRequest(
    name = ActorRequest.nameOf(applicationId, s"executor-$executor"),
    demand = demand,
    javaOptions = javaOptionsOf(applicationId, executor),
    runtimeEnv = runtimeEnv,
    bundle = placement.map(group => GroupBundle(group.groupId, bundle.getOrElse(-1))))

  def javaOptionsOf(applicationId: String, executor: Int): Vector[String] =
    javaOptions ++
      ExecutorSettings.javaOptions(userJavaOptions, applicationId, executor).map(WorkerLogging.deferred)
}

/**
 * What the AppMaster needs.
 *
 * @param demand Ray resources, by Ray's names; if empty, it only has to be on the driver's node
 * @param javaOptions options added to those of its JVM
 */
final case class AppMasterSpec(demand: Map[String, Double], javaOptions: Vector[String])

/**
 * What a shuffle service needs.
 *
 * @param memory bytes that it demands from Ray, half for its heap and half for its off-heap buffers
 * @param javaOptions options of the JVM, including the class path
 */
final case class ShuffleServiceSpec(memory: Long, javaOptions: Vector[String])

/** What an application needs, read once from its configuration. */
final case class ApplicationSpec(
    id: String,
    initialExecutors: Int,
    executor: ExecutorSpec,
    appMaster: AppMasterSpec,
    shuffleService: Option[ShuffleServiceSpec],
    policy: FleetPolicy)

object ApplicationSpec {

  private val log = LoggerFactory.getLogger(classOf[ApplicationSpec])

  private val AddedModuleOptions =
    Vector("java.math", "java.text", "java.time").map(name => s"--add-opens=java.base/$name=ALL-UNNAMED")

  /** Omitted: it slows down each JVM's start and prints a warning, and only MLlib's BLAS uses it, if present. */
  private val VectorModule = "--add-modules=jdk.incubator.vector"
  private val EnvironmentPrefix = "spark.executorEnv."
  private val WholeUnit = 1.0

  /**
   * @param configuration settings of the application
   * @param contextExists whether a SparkContext with these settings already exists
   * @throws io.raydp.configuration.ConfigurationException a `spark.raydp.*` key or value is wrong
   * @throws RayApplicationException Ray cannot satisfy the settings
   */
  def parse(configuration: SparkConf, contextExists: Boolean): ApplicationSpec = {
    val conf = translated(configuration)
    val settings = RaydpConfiguration.check(conf.getAll)
    val resources = ExecutorSettings.resources(conf, contextExists).fold(error => throw unreadable(error), identity)
    ApplicationSpec(
      id = settings.find(RaydpConfiguration.ApplicationId).getOrElse(generatedId()),
      initialExecutors = ExecutorSettings.initialExecutors(conf),
      executor = ExecutorSpec(
        cores = resources.cores,
        demand = demand(settings, resources),
        javaOptions = javaOptions(conf, settings, Vector(s"-Xmx${resources.heapMiB}m")),
        userJavaOptions = Vector("spark.executor.defaultJavaOptions", "spark.executor.extraJavaOptions")
          .flatMap(conf.getOption(_))
          .map(withoutSupplement)
          .filter(_.nonEmpty)
          .mkString(" "),
        runtimeEnv = RuntimeEnvironment.fields(
          settings.find(RaydpConfiguration.RuntimeEnv),
          conf.getAll.collect {
            case (key, value) if key.startsWith(EnvironmentPrefix) => key.stripPrefix(EnvironmentPrefix) -> value
          }.toMap),
        placement = placement(settings)),
      appMaster = AppMasterSpec(
        whole(settings.amounts(RaydpConfiguration.AppMasterResources)),
        settings.find(RaydpConfiguration.AppMasterJavaOptions).toVector.flatMap(words).map(WorkerLogging.deferred)),
      shuffleService = shuffleService(conf, settings),
      policy = FleetPolicy.of(settings))
  }

  /** Translates the names of RayDP 1.6. The driver logs each once. */
  private def translated(configuration: SparkConf): SparkConf = {
    val translation = FormerNames.translate(configuration.getAll)
    translation.notes.foreach(log.warn(_))
    new SparkConf(false).setAll(translation.settings)
  }

  private def words(options: String): Vector[String] = options.split(' ').toVector.filter(_.nonEmpty)

  /** Removes the module options that a SparkContext puts before the user's: ours are on the command line already. */
  private def withoutSupplement(options: String): String =
    options
      .replaceFirst("^\\s*-Djava\\.net\\.preferIPv6Addresses=\\w+", "")
      .replace(JavaModuleOptions.defaultModuleOptions(), "")
      .trim

  /** Spark's own sum of memory and cores, overridden by what the user requests by Ray's names. */
  private def demand(settings: CheckedSettings, resources: ExecutorResources): Map[String, Double] = {
    val requested = settings.amounts(RaydpConfiguration.ExecutorResources)
    whole(
      Map(
        "CPU" -> resources.cores.toDouble,
        "memory" -> resources.memoryMiB.toDouble * (1 << 20)) ++ resources.custom ++ requested)
  }

  private def whole(demand: Map[String, Double]): Map[String, Double] = {
    demand.foreach { case (name, amount) =>
      if (amount > WholeUnit && amount != math.rint(amount)) {
        throw new RayApplicationException(FailureKind.InvalidConfiguration, LifecycleMessages.fractional(name, amount))
      }
    }
    demand
  }

  private def placement(settings: CheckedSettings): Option[PlacementSpec] =
    settings.find(RaydpConfiguration.PlacementGroupId).map { id =>
      PlacementSpec(id, settings.find(RaydpConfiguration.PlacementGroupBundleIndexes).getOrElse(Vector(-1)))
    }

  private def shuffleService(conf: SparkConf, settings: CheckedSettings): Option[ShuffleServiceSpec] =
    Option.when(conf.getBoolean("spark.shuffle.service.enabled", defaultValue = false)) {
      val readsRdds = "spark.shuffle.service.fetch.rdd.enabled"
      if (conf.getBoolean(readsRdds, defaultValue = false) && !conf.contains(ShuffleServices.PortKey))
        throw new RayApplicationException(
          FailureKind.InvalidConfiguration,
          LifecycleMessages.rddsNeedPort(readsRdds, ShuffleServices.PortKey))
      val memory = settings.get(RaydpConfiguration.ShuffleServiceMemory)
      val half = memory >> 21
      ShuffleServiceSpec(
        memory,
        javaOptions(
          conf,
          settings,
          Vector(
            "-Draydp.role=shuffle-service", // names the process in a list of processes
            s"-Xmx${half}m",
            s"-XX:MaxDirectMemorySize=${half}m",
            "-XX:+UseSerialGC")))
    }

  private def javaOptions(conf: SparkConf, settings: CheckedSettings, own: Vector[String]): Vector[String] = {
    val extra =
      settings.find(RaydpConfiguration.ExecutorExtraClassPath) ++ conf.getOption("spark.executor.extraClassPath")
    val classPath = settings.find(RaydpConfiguration.ExecutorClassPath).getOrElse(ownClassPath)
    val modules = settings
      .find(RaydpConfiguration.ExecutorModuleOptions)
      .map(words)
      .getOrElse(
        JavaModuleOptions.defaultModuleOptions().split(' ').toVector.filterNot(_ == VectorModule) ++ AddedModuleOptions)
    Vector(
      "-cp",
      (extra.toVector :+ classPath).mkString(File.pathSeparator),
      WorkerLogging.START_OPTION) ++
      settings.find(RaydpConfiguration.ExecutorLogging).map(WorkerLogging.option) ++ own ++
      settings.find(RaydpConfiguration.ExecutorClassDataArchive).toVector.flatMap(archiveOptions) ++ modules
  }

  /** Silent if the archive does not fit. */
  private def archiveOptions(archive: String): Vector[String] =
    Vector(s"-XX:SharedArchiveFile=$archive", "-Xshare:auto", "-Xlog:cds*=off")

  /** This JVM's own class path with expanded wildcards, because another JVM may expand them in another order. */
  private def ownClassPath: String =
    System.getProperty("java.class.path").split(File.pathSeparator).filter(_.nonEmpty).flatMap(expanded).mkString(
      File.pathSeparator)

  private def expanded(entry: String): Vector[String] =
    if (!entry.endsWith("*")) Vector(entry)
    else {
      val files = Files.newDirectoryStream(Path.of(entry.stripSuffix("*")), "*.jar")
      try files.asScala.map(_.toString).toVector.sorted
      finally files.close()
    }

  private def unreadable(error: Throwable) = new RayApplicationException(
    FailureKind.InvalidConfiguration,
    LifecycleMessages.unreadableResources(error.getMessage),
    Some(error))

  private def generatedId(): String = {
    val random = new Array[Byte](3)
    new SecureRandom().nextBytes(random)
    val moment = LocalDateTime.now.format(DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss"))
    s"raydp-$moment-${HexFormat.of().formatHex(random)}"
  }
}
