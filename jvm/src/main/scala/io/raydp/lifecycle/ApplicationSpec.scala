package io.raydp.lifecycle

import java.io.File
import java.nio.file.{Files, Path}
import java.security.SecureRandom
import java.time.LocalDateTime
import java.time.format.DateTimeFormatter
import java.util.HexFormat

import scala.jdk.CollectionConverters._

import io.raydp.configuration.{FormerNames, RaydpConfiguration}
import org.apache.spark.SparkConf
import org.apache.spark.launcher.JavaModuleOptions
import org.apache.spark.raydp.SparkCoreInternals
import org.slf4j.LoggerFactory

/**
 * Where executors go.
 *
 * @param bundles of a placement group, in turn; one that is named twice takes twice as many executors, and -1 stands
 *   for whichever bundle has room
 */
final case class PlacementSpec(groupId: String, bundles: Vector[Int]) {
  private val shares = bundles.groupMapReduce(identity)(_ => 1)(_ + _)

  /** The bundle for the next executor: where one is missing, since the others may have no room. */
  def bundleBeside(occupied: Iterable[Int]): Int =
    bundles.minBy(bundle => occupied.count(_ == bundle) / shares(bundle))
}

/**
 * What each executor of an application is like.
 *
 * @param cores task slots
 * @param demand Ray resources, by Ray's names: CPU, memory in bytes, GPU and custom ones
 * @param javaOptions of the JVM, class path included; `{{EXECUTOR_ID}}` and `{{APP_ID}}` are still to be replaced in
 *   the part that the user gave
 * @param runtimeEnv fields of Ray's runtime_env for the process, each as JSON
 */
final case class ExecutorSpec(
    cores: Int,
    demand: Map[String, Double],
    javaOptions: Vector[String],
    userJavaOptions: String,
    runtimeEnv: Map[String, String],
    placement: Option[PlacementSpec]) {

  def javaOptionsOf(applicationId: String, executor: Int): Vector[String] =
    javaOptions ++ SparkCoreInternals.javaOptions(userJavaOptions, applicationId, executor)
}

/**
 * What the AppMaster is like.
 *
 * @param demand Ray resources, by Ray's names; empty for nothing but a place on the driver's node
 * @param javaOptions added to those of its JVM
 */
final case class AppMasterSpec(demand: Map[String, Double], javaOptions: Vector[String])

/**
 * What a shuffle service is like.
 *
 * @param memory bytes that it demands of Ray, half for its heap and half for buffers beside it
 * @param javaOptions of the JVM, class path included
 */
final case class ShuffleServiceSpec(memory: Long, javaOptions: Vector[String])

/** What an application asks for, read once from its configuration. */
final case class ApplicationSpec(
    id: String,
    initialExecutors: Int,
    executor: ExecutorSpec,
    appMaster: AppMasterSpec,
    shuffleService: Option[ShuffleServiceSpec],
    policy: FleetPolicy)

object ApplicationSpec {

  private val log = LoggerFactory.getLogger(classOf[ApplicationSpec])

  /** JVM option that names a log4j configuration. */
  private[lifecycle] val LoggingOption = "-Dlog4j2.configurationFile="

  private val AddedModuleOptions =
    Vector("java.math", "java.text", "java.time").map(name => s"--add-opens=java.base/$name=ALL-UNNAMED")

  /** Left out: it costs each JVM a good part of its start and warns, and only MLlib's BLAS uses it where present. */
  private val VectorModule = "--add-modules=jdk.incubator.vector"
  private val EnvironmentPrefix = "spark.executorEnv."
  private val WholeUnit = 1.0

  /**
   * @param configuration settings of the application
   * @param contextExists whether a SparkContext of these settings exists already
   * @throws io.raydp.configuration.ConfigurationException a key or value of ours is wrong
   * @throws RayApplicationException the resources make no sense for Ray
   */
  def parse(configuration: SparkConf, contextExists: Boolean): ApplicationSpec = {
    val conf = translated(configuration)
    RaydpConfiguration.check(conf.getAll)
    val read = conf.getOption(_)
    val resources = SparkCoreInternals.executorResources(conf, contextExists)
    ApplicationSpec(
      id = RaydpConfiguration.ApplicationId.find(read).getOrElse(generatedId()),
      initialExecutors = SparkCoreInternals.initialExecutors(conf),
      executor = ExecutorSpec(
        cores = resources.cores,
        demand = demand(conf, resources),
        javaOptions = javaOptions(conf, resources),
        userJavaOptions = Vector("spark.executor.defaultJavaOptions", "spark.executor.extraJavaOptions")
          .flatMap(conf.getOption(_))
          .map(withoutSupplement)
          .filter(_.nonEmpty)
          .mkString(" "),
        runtimeEnv = RuntimeEnvironment.fields(
          RaydpConfiguration.RuntimeEnv.find(read),
          conf.getAll.collect {
            case (key, value) if key.startsWith(EnvironmentPrefix) => key.stripPrefix(EnvironmentPrefix) -> value
          }.toMap),
        placement = placement(read)),
      appMaster = AppMasterSpec(
        whole(RaydpConfiguration.AppMasterResources.amounts(conf.getAll)),
        RaydpConfiguration.AppMasterJavaOptions.find(read).toVector.flatMap(words)),
      shuffleService = shuffleService(conf),
      policy = FleetPolicy(
        startTimeout = RaydpConfiguration.StartTimeout.get(read),
        infeasibleTimeout = RaydpConfiguration.InfeasibleTimeout.get(read),
        maxConsecutiveFailures = RaydpConfiguration.MaxConsecutiveFailures.get(read)))
  }

  /** With the names of RayDP 1.6 understood, each noted once in the driver's log. */
  private def translated(configuration: SparkConf): SparkConf = {
    val translation = FormerNames.translate(configuration.getAll)
    translation.notes.foreach(log.warn(_))
    new SparkConf(false).setAll(translation.settings)
  }

  private def words(options: String): Vector[String] = options.split(' ').toVector.filter(_.nonEmpty)

  /** A SparkContext puts its module options before the user's; ours stand on the command line already. */
  private def withoutSupplement(options: String): String =
    options
      .replaceFirst("^\\s*-Djava\\.net\\.preferIPv6Addresses=\\w+", "")
      .replace(JavaModuleOptions.defaultModuleOptions(), "")
      .trim

  /** Spark's own sum of memory and cores, with what the user asks for by Ray's names on top. */
  private def demand(conf: SparkConf, resources: ExecutorResources): Map[String, Double] = {
    val asked = RaydpConfiguration.ExecutorResources.amounts(conf.getAll)
    whole(
      Map(
        "CPU" -> resources.cores.toDouble,
        "memory" -> resources.memoryMiB.toDouble * (1 << 20)) ++ resources.custom ++ asked)
  }

  private def whole(demand: Map[String, Double]): Map[String, Double] = {
    demand.foreach { case (name, amount) =>
      if (amount > WholeUnit && amount != math.rint(amount)) {
        throw new RayApplicationException(FailureKind.InvalidConfiguration, LifecycleMessages.fractional(name, amount))
      }
    }
    demand
  }

  private def placement(read: String => Option[String]): Option[PlacementSpec] =
    RaydpConfiguration.PlacementGroupId.find(read).map { id =>
      PlacementSpec(id, RaydpConfiguration.PlacementGroupBundleIndexes.find(read).getOrElse(Vector(-1)))
    }

  private def javaOptions(conf: SparkConf, resources: ExecutorResources): Vector[String] =
    javaOptions(conf, Vector(s"-Xmx${resources.heapMiB}m"))

  private def shuffleService(conf: SparkConf): Option[ShuffleServiceSpec] =
    Option.when(conf.getBoolean("spark.shuffle.service.enabled", defaultValue = false)) {
      val readsRdds = "spark.shuffle.service.fetch.rdd.enabled"
      if (conf.getBoolean(readsRdds, defaultValue = false) && !conf.contains(ShuffleServices.PortKey))
        throw new RayApplicationException(
          FailureKind.InvalidConfiguration,
          LifecycleMessages.rddsNeedPort(readsRdds, ShuffleServices.PortKey))
      val memory = RaydpConfiguration.ShuffleServiceMemory.get(conf.getOption(_))
      val half = memory >> 21
      ShuffleServiceSpec(
        memory,
        javaOptions(
          conf,
          Vector(
            "-Draydp.role=shuffle-service", // says in a list of processes which one this is
            s"-Xmx${half}m",
            s"-XX:MaxDirectMemorySize=${half}m",
            "-XX:+UseSerialGC")))
    }

  private def javaOptions(conf: SparkConf, own: Vector[String]): Vector[String] = {
    val read = conf.getOption(_)
    val extra = RaydpConfiguration.ExecutorExtraClassPath.find(read) ++ conf.getOption("spark.executor.extraClassPath")
    val classPath = RaydpConfiguration.ExecutorClassPath.find(read).getOrElse(ownClassPath)
    val modules = RaydpConfiguration.ExecutorModuleOptions
      .find(read)
      .map(words)
      .getOrElse(
        JavaModuleOptions.defaultModuleOptionArray().toVector.filterNot(_ == VectorModule) ++ AddedModuleOptions)
    Vector(
      "-cp",
      (extra.toVector :+ classPath).mkString(File.pathSeparator),
      LoggingOption + RaydpConfiguration.ExecutorLogging.get(read)) ++ own ++
      RaydpConfiguration.ExecutorClassDataArchive.find(read).toVector.flatMap(archiveOptions) ++ modules
  }

  /** Without a word where the archive does not fit. */
  private def archiveOptions(archive: String): Vector[String] =
    Vector(s"-XX:SharedArchiveFile=$archive", "-Xshare:auto", "-Xlog:cds*=off")

  /** This JVM's own class path, with its wildcards written out: another JVM need not expand them in the same order. */
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

  private def generatedId(): String = {
    val random = new Array[Byte](3)
    new SecureRandom().nextBytes(random)
    val moment = LocalDateTime.now.format(DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss"))
    s"raydp-$moment-${HexFormat.of().formatHex(random)}"
  }
}
