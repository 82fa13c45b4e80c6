package io.raydp.configuration

/**
 * Every `spark.raydp.*` key there is. An unknown one is an error rather than silently without effect.
 *
 * The keys of RayDP 1.6 that still work are named where they are read.
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

  val ExecutorExtraClassPath: Setting[String] = Setting(
    "spark.raydp.executor.extraClassPath",
    "a class path",
    None,
    "Put before everything else on the executors' class path. Resolved on the executor's node.",
    "2.0.0",
    Setting.text)

  val ExecutorModuleOptions: Setting[String] = Setting(
    "spark.raydp.executor.moduleOptions",
    "JVM options separated by spaces",
    None,
    "Replaces the module options (--add-opens and the like) of the executors' JVMs.",
    "2.0.0",
    Setting.text)

  val PlacementGroupId: Setting[String] = Setting(
    "spark.raydp.placementGroup.id",
    "a placement group's id in hexadecimal",
    None,
    "Placement group that holds the executors.",
    "2.0.0",
    Setting.hexadecimal)

  val PlacementGroupBundleIndexes: Setting[Vector[Int]] = Setting(
    "spark.raydp.placementGroup.bundleIndexes",
    "whole numbers separated by commas",
    None,
    "Bundles of the placement group that hold executors, in turn.",
    "2.0.0",
    Setting.indexes)

  val PlacementGroupStrategy: Setting[String] = Setting(
    "spark.raydp.placementGroup.strategy",
    "PACK, SPREAD, STRICT_PACK or STRICT_SPREAD",
    None,
    "Asks for a placement group made for the application, one bundle per executor.",
    "2.0.0",
    value => Option(value).filter(Set("PACK", "SPREAD", "STRICT_PACK", "STRICT_SPREAD")))

  val ExchangeBlockSize: Setting[Long] = Setting(
    "spark.raydp.exchange.blockSize",
    "a size in bytes, or with the unit k, m or g",
    Some("64m"),
    "Size that the blocks made from a DataFrame aim at.",
    "2.0.0",
    Setting.bytes)

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
    "Time without any progress after which a conversion gives up.",
    "2.0.0",
    Setting.millis)

  val ExchangeFaultTolerant: Setting[Boolean] = Setting(
    "spark.raydp.exchange.faultTolerant",
    "true or false",
    Some("true"),
    "Have Spark make blocks again that were lost with a node, for as long as the application lives.",
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

  /** Keys that begin with this name a custom Ray resource; their value is what one executor demands of it. */
  val ExecutorResourcePrefix = "spark.raydp.executor.resource."

  /** The same of RayDP 1.6, and the name that was deprecated there already. */
  val LegacyExecutorResourcePrefixes: Vector[String] =
    Vector("spark.ray.raydp_spark_executor.actor.resource.", "spark.ray.actor.resource.")

  val settings: Vector[Setting[_]] = Vector(
    ApplicationId,
    StartTimeout,
    InfeasibleTimeout,
    MaxConsecutiveFailures,
    ExecutorClassPath,
    ExecutorExtraClassPath,
    ExecutorModuleOptions,
    PlacementGroupId,
    PlacementGroupBundleIndexes,
    PlacementGroupStrategy,
    ExchangeBlockSize,
    ExchangeSocket,
    ExchangeTimeout,
    ExchangeFaultTolerant,
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
      if (!known(key) && !key.startsWith(ExecutorResourcePrefix)) {
        throw new ConfigurationException(
          s"There is no such setting; did you mean ${nearest(key, known).mkString}? Unknown: $key")
      }
    }
    settings.foreach(_.find(values.get))
  }

  private def nearest(key: String, known: Set[String]): Option[String] =
    Spelling.nearest(key, known + (ExecutorResourcePrefix + "<name>"))
}
