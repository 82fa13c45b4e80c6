package io.raydp.configuration

/**
 * Every `spark.raydp.*` key there is. An unknown one is an error rather than silently without effect.
 *
 * Python's registry declares the same keys with the same forms and defaults, because it refuses mistakes before there
 * is a JVM; a test compares the two. `docs/configuration.md` is printed from here.
 */
object RaydpConfiguration {
  val Prefix = "spark.raydp."

  val ApplicationId: Setting[String] = Setting(
    "spark.raydp.app.id",
    "1 to 40 letters, digits, '.', '_' or '-'",
    None,
    "Name of the application in Ray: the prefix of its actors' names. Made up when absent.",
    "2.0.0",
    value => Option(value).filter(_.matches("[A-Za-z0-9._-]{1,40}")))

  val StartTimeout: Setting[Long] = Setting(
    "spark.raydp.executor.startTimeout",
    "a number of seconds above 0",
    Some("120"),
    "How long an executor may take from the start of its process until it is registered with the driver.",
    "2.0.0",
    Setting.millis)

  val InfeasibleTimeout: Setting[Long] = Setting(
    "spark.raydp.executor.infeasibleTimeout",
    "a number of seconds above 0",
    Some("20"),
    "How long a demand that no node of the cluster could ever hold is tolerated before the application fails. An " +
      "autoscaler may add a node in the meantime; raise it where that takes longer.",
    "2.0.0",
    Setting.millis)

  val MaxConsecutiveFailures: Setting[Int] = Setting(
    "spark.raydp.executor.maxConsecutiveFailures",
    "a whole number above 0",
    Some("5"),
    "How many executors may fail to start in a row before the application fails. Also how many may end without an " +
      "explanation and without a finished task in between before their end counts against spark.task.maxFailures.",
    "2.0.0",
    Setting.positiveInt)

  val ExecutorClassPath: Setting[String] = Setting(
    "spark.raydp.executor.classPath",
    "a class path",
    None,
    "Class path of the executors: raydp's jar, Spark's jars, ray_dist.jar last. The driver's own when absent.",
    "2.0.0",
    Setting.text)

  val ExecutorClassDataArchive: Setting[String] = Setting(
    "spark.raydp.executor.classDataArchive",
    "a path",
    None,
    "Class-data archive with which the executors' JVMs start sooner; that of `python -m raydp archive` when absent. A " +
      "node that does not have the file, or other jars or another Java, starts without.",
    "2.0.0",
    Setting.text)

  val ArchiveClasses: Setting[Boolean] = Setting(
    "spark.raydp.archiveClasses",
    "true or false",
    Some("true"),
    "Where there are no class-data archives that fit, make them once behind the first application that Python starts: a " +
      "process of low priority, a minute of one processor, 350 MB in `~/.cache/raydp`.",
    "2.0.0",
    Setting.boolean)

  val ExecutorExtraClassPath: Setting[String] = Setting(
    "spark.raydp.executor.extraClassPath",
    "a class path",
    None,
    "Put before everything else on the executors' class path. Resolved on the executor's node.",
    "2.0.0",
    Setting.text,
    Vector("raydp.executor.extraClassPath", "spark.ray.preferClassPath"))

  val ExecutorModuleOptions: Setting[String] = Setting(
    "spark.raydp.executor.moduleOptions",
    "JVM options separated by spaces",
    None,
    "Replaces the module options (--add-opens and the like) of the executors' JVMs.",
    "2.0.0",
    Setting.text)

  val ExecutorLogging: Setting[String] = Setting(
    "spark.raydp.executor.log4jConfiguration",
    "a log4j 2 configuration: a path, a URL, or a name on the class path",
    Some("classpath:io/raydp/lifecycle/worker-log4j2.xml"),
    "Logging of the executors' JVMs. Resolved on the executor's node.",
    "2.0.0",
    Setting.text,
    Vector("spark.ray.log4j.config.file.name"))

  val DriverLogging: Setting[String] = Setting(
    "spark.raydp.driver.log4jConfiguration",
    "a log4j 2 configuration: a path, a URL, or a name on the class path",
    None,
    "Logging of the driver's JVM, when Python starts it. Spark's own when absent.",
    "2.0.0",
    Setting.text,
    Vector("spark.log4j.config.file.name"))

  val AppMasterJavaOptions: Setting[String] = Setting(
    "spark.raydp.appMaster.extraJavaOptions",
    "JVM options separated by spaces",
    None,
    "Added to the options of the AppMaster's JVM.",
    "2.0.0",
    Setting.text,
    Vector("spark.ray.raydp_app_master.extraJavaOptions"))

  val PlacementGroupId: Setting[String] = Setting(
    "spark.raydp.placementGroup.id",
    "a placement group's id in hexadecimal",
    None,
    "Placement group that holds the executors.",
    "2.0.0",
    Setting.hexadecimal,
    Vector("spark.ray.placement_group"))

  val PlacementGroupBundleIndexes: Setting[Vector[Int]] = Setting(
    "spark.raydp.placementGroup.bundleIndexes",
    "whole numbers separated by commas",
    None,
    "Bundles of the placement group that hold executors, in turn. All of them when absent.",
    "2.0.0",
    Setting.indexes,
    Vector("spark.ray.bundle_indexes"))

  val PlacementGroupStrategy: Setting[String] = Setting(
    "spark.raydp.placementGroup.strategy",
    "PACK, SPREAD, STRICT_PACK or STRICT_SPREAD",
    None,
    "Asks for a placement group made for the application, one bundle per executor.",
    "2.0.0",
    value => Option(value).filter(Set("PACK", "SPREAD", "STRICT_PACK", "STRICT_SPREAD")))

  val ShuffleServiceMemory: Setting[Long] = Setting(
    "spark.raydp.shuffleService.memory",
    "a size from 128m to 64g",
    Some("512m"),
    "Memory of the shuffle service that each host with executors has when `spark.shuffle.service.enabled` is true; half " +
      "of it is its heap. Demanded of the node beside what executors demand.",
    "2.0.0",
    Setting.bytesBetween(128L << 20, 64L << 30))

  val RuntimeEnv: Setting[String] = Setting(
    "spark.raydp.runtimeEnv",
    "a JSON object",
    None,
    "Ray's runtime_env of the executors and their Python workers. The program's own (ray.init) when absent; variables " +
      "of spark.executorEnv.* win over its env_vars.",
    "2.0.0",
    Setting.text)

  val ExchangeBlockSize: Setting[Long] = Setting(
    "spark.raydp.exchange.blockSize",
    "a size from 1m to 1g",
    Some("64m"),
    "Size that the blocks made from a DataFrame aim at.",
    "2.0.0",
    Setting.bytesBetween(1L << 20, 1L << 30))

  val ExchangeSocket: Setting[String] = Setting(
    "spark.raydp.exchange.socket",
    "the path of a Unix socket",
    None,
    "Socket of the exchange agent, for executors that are not Ray workers.",
    "2.0.0",
    Setting.text)

  val ExchangeTimeout: Setting[Long] = Setting(
    "spark.raydp.exchange.timeout",
    "a number of seconds above 0",
    Some("600"),
    "Bound of each of these waits of a conversion: a task for its agent to store one block or to answer one read " +
      "request; an agent for Ray to bring a block to its node; the driver for the schemas of blocks, for the last " +
      "blocks to be stored after Spark's job has ended, and for the driver JVM and the agents to answer a check while " +
      "the job runs. The job itself may take any time.",
    "2.0.0",
    Setting.millis)

  val ExchangeFaultTolerant: Setting[Boolean] = Setting(
    "spark.raydp.exchange.faultTolerant",
    "true or false",
    Some("true"),
    "Have Spark make blocks again that were lost with a node, for as long as the application lives.",
    "2.0.0",
    Setting.boolean)

  val NetworkEncryption: Setting[Boolean] = Setting(
    "spark.raydp.network.encryption",
    "true or false",
    Some("false"),
    "Encrypt what Spark's processes send each other and what they write to local disks (`spark.network.crypto.*`, " +
      "`spark.io.encryption.*`). Needs `spark.authenticate`, which is on by default.",
    "2.0.0",
    Setting.boolean)

  val UiToken: Setting[Boolean] = Setting(
    "spark.raydp.ui.token",
    "true or false",
    Some("true"),
    "Open Spark's UI only to who has the link with its token, which `raydp.ui_url()` returns. Without effect when " +
      "`spark.authenticate` is off.",
    "2.0.0",
    Setting.boolean)

  val Metrics: Setting[Boolean] = Setting(
    "spark.raydp.metrics",
    "true or false",
    Some("true"),
    "Give the metrics of Spark's driver and executors to Ray, whose agent on the driver's node exports them beside " +
      "its own. Without effect where there is no such agent (it comes with `ray[default]`).",
    "2.0.0",
    Setting.boolean)

  val Progress: Setting[String] = Setting(
    "spark.raydp.progress",
    "true, false or auto",
    Some("auto"),
    "Progress bars: auto draws them when standard error is a terminal.",
    "2.0.0",
    value => Option(value.toLowerCase).filter(text => text == "auto" || Setting.boolean(text).isDefined))

  val Banner: Setting[Boolean] = Setting(
    "spark.raydp.banner",
    "true or false",
    Some("true"),
    "Print one line that says where the application and its Spark UI are.",
    "2.0.0",
    Setting.boolean)

  val ExecutorResources: ResourceSettings = ResourceSettings(
    "spark.raydp.executor.resource.",
    "What one executor demands of a Ray resource: CPU, GPU, memory (in bytes) or a custom one. Comes in the place " +
      "of what Spark's settings give for the same resource.",
    "2.0.0",
    Vector("spark.ray.raydp_spark_executor.actor.resource.", "spark.ray.actor.resource."))

  val AppMasterResources: ResourceSettings = ResourceSettings(
    "spark.raydp.appMaster.resource.",
    "What the AppMaster demands of a Ray resource. It has no CPU and stays on the driver's node when absent; with a " +
      "custom resource it goes where there is some.",
    "2.0.0",
    Vector("spark.ray.raydp_spark_master.actor.resource.", "spark.ray.raydp_spark_master.resource."))

  val resources: Vector[ResourceSettings] = Vector(ExecutorResources, AppMasterResources)

  val settings: Vector[Setting[_]] = Vector(
    ApplicationId,
    StartTimeout,
    InfeasibleTimeout,
    MaxConsecutiveFailures,
    ExecutorClassPath,
    ExecutorClassDataArchive,
    ArchiveClasses,
    ExecutorExtraClassPath,
    ExecutorModuleOptions,
    ExecutorLogging,
    DriverLogging,
    AppMasterJavaOptions,
    PlacementGroupId,
    PlacementGroupBundleIndexes,
    PlacementGroupStrategy,
    ShuffleServiceMemory,
    RuntimeEnv,
    ExchangeBlockSize,
    ExchangeSocket,
    ExchangeTimeout,
    ExchangeFaultTolerant,
    NetworkEncryption,
    UiToken,
    Metrics,
    Progress,
    Banner)

  /**
   * Refuses unknown keys and values that are not of their key's form.
   *
   * @throws ConfigurationException names the key, what was expected and the value
   */
  def check(all: Iterable[(String, String)]): Unit = {
    val values = all.toMap
    val known = settings.map(_.key).toSet
    values.keys.toVector.sorted.filter(_.startsWith(Prefix)).foreach { key =>
      if (!known(key) && !resources.exists(family => key.startsWith(family.prefix))) {
        throw new ConfigurationException(
          s"There is no such setting; did you mean ${nearest(key, known).mkString}? Unknown: $key")
      }
    }
    settings.foreach(_.find(values.get))
    resources.foreach(_.amounts(values))
  }

  private def nearest(key: String, known: Set[String]): Option[String] =
    Spelling.nearest(key, known ++ resources.map(_.pattern))
}
