package io.raydp.lifecycle

import io.raydp.configuration.ConfigurationException
import org.apache.spark.SparkConf
import org.apache.spark.launcher.JavaModuleOptions
import org.scalatest.funsuite.AnyFunSuite

final class ApplicationSpecSuite extends AnyFunSuite {
  private val mebibyte = 1024.0 * 1024.0

  private def parsed(settings: (String, String)*): ApplicationSpec =
    ApplicationSpec.parse(new SparkConf(false).setAll(settings), contextExists = false)

  test("an executor demands its cores, and its heap with Spark's overhead") {
    val spec = parsed("spark.executor.cores" -> "2", "spark.executor.memory" -> "1g")
    assert(spec.executor.demand == Map("CPU" -> 2.0, "memory" -> (1024 + 384) * mebibyte))
    assert(spec.executor.javaOptions.contains("-Xmx1024m"))
  }

  test("off-heap and PySpark memory are demanded too") {
    val spec = parsed(
      "spark.executor.memory" -> "8g",
      "spark.memory.offHeap.enabled" -> "true",
      "spark.memory.offHeap.size" -> "1g",
      "spark.executor.pyspark.memory" -> "512m",
      "spark.executor.memoryOverhead" -> "1g")
    assert(spec.executor.demand("memory") == (8192 + 1024 + 512 + 1024) * mebibyte)
    assert(spec.executor.javaOptions.contains("-Xmx8192m"))
  }

  test("parsing leaves no default resource profile behind") {
    parsed("spark.executor.memory" -> "3g")
    assert(parsed("spark.executor.memory" -> "2g").executor.javaOptions.contains("-Xmx2048m"))
  }

  test("custom resources and shares of a CPU are demanded by Ray's names") {
    val spec = parsed(
      "spark.raydp.executor.resource.cpu" -> "0.5",
      "spark.raydp.executor.resource.accelerator_type:T4" -> "0.001",
      "spark.ray.raydp_spark_executor.actor.resource.spark_executor" -> "1",
      "spark.ray.raydp_spark_executor.actor.resource.CPU" -> "0.25")
    assert(spec.executor.demand("CPU") == 0.5)
    assert(spec.executor.demand("accelerator_type:T4") == 0.001)
    assert(spec.executor.demand("spark_executor") == 1.0)
  }

  test("the AppMaster gets its own resources and options, by their names of RayDP 1.6 as well") {
    assert(parsed().appMaster == AppMasterSpec(Map.empty, Vector.empty))
    val spec = parsed(
      "spark.ray.raydp_spark_master.actor.resource.CPU" -> "0",
      "spark.raydp.appMaster.resource.head" -> "1",
      "spark.ray.raydp_app_master.extraJavaOptions" -> "-Da=1  -Db=2")
    assert(spec.appMaster == AppMasterSpec(Map("CPU" -> 0.0, "head" -> 1.0), Vector("-Da=1", "-Db=2")))
  }

  test("shuffle services are there when Spark's setting asks for them") {
    assert(parsed().shuffleService.isEmpty)
    val service = parsed(
      "spark.shuffle.service.enabled" -> "true",
      "spark.raydp.shuffleService.memory" -> "1g",
      "spark.raydp.executor.classPath" -> "/a.jar:/b.jar").shuffleService.get
    assert(service.memory == (1L << 30))
    val expected = Vector("/a.jar:/b.jar", "-Draydp.role=shuffle-service", "-Xmx512m", "-XX:MaxDirectMemorySize=512m")
    assert(expected.forall(service.javaOptions.contains))
  }

  test("shuffle services read cached blocks only at a port that the driver knows") {
    val readsRdds = Seq("spark.shuffle.service.enabled", "spark.shuffle.service.fetch.rdd.enabled").map(_ -> "true")
    val error = intercept[RayApplicationException](parsed(readsRdds: _*))
    assert(error.getMessage.contains("Set spark.shuffle.service.port"))
    assert(parsed(readsRdds :+ ("spark.shuffle.service.port" -> "7337"): _*).shuffleService.isDefined)
  }

  test("executors log as they are told") {
    val names = Vector("log4j2.configurationFile", "log4j.configurationFile", "log4j.configuration")
    val optionsOf = names.map(name => s"-D$name=/x.xml").mkString("-Da=1 ", " ", " -Db=log4j2.configurationFile=")
    val deferred = "-Da=1" +: names.map(name => s"-Draydp.$name=/x.xml") :+ "-Db=log4j2.configurationFile="
    val spec = parsed(
      "spark.ray.log4j.config.file.name" -> "/setting.xml",
      "spark.executor.extraJavaOptions" -> optionsOf,
      "spark.raydp.appMaster.extraJavaOptions" -> optionsOf)
    val options = spec.executor.javaOptionsOf("app", 1)
    assert(options.filter(_.startsWith("-Dlog4j")) == Vector(WorkerLogging.START_OPTION), "Ray would replace it")
    assert(options.contains("-Draydp.log4j2.configurationFile=/setting.xml"))
    assert(options.takeRight(5) == deferred, "the user's options come last")
    assert(spec.appMaster.javaOptions == deferred)
    assert(!parsed().executor.javaOptions.exists(_.startsWith("-Draydp.log4j")))
  }

  test("GPUs of Spark's own setting are demanded as GPU") {
    assert(parsed("spark.executor.resource.gpu.amount" -> "2").executor.demand("GPU") == 2.0)
  }

  test("an amount that Ray refuses is refused before") {
    val error = intercept[RayApplicationException](parsed("spark.raydp.executor.resource.CPU" -> "1.5"))
    assert(error.kind == "invalid_configuration" && error.getMessage.endsWith("Resource: CPU; amount: 1.5"))
  }

  test("bundles are used in turn") {
    val spec = parsed("spark.raydp.placementGroup.id" -> "0Aff", "spark.raydp.placementGroup.bundleIndexes" -> "2, 0")
    val placement = spec.executor.placement.get
    assert(placement.groupId == "0aff")
    val four = (1 to 4).foldLeft(Vector.empty[Int])((occupied, _) => occupied :+ placement.bundleFor(occupied))
    assert(four == Vector(2, 0, 2, 0))
    assert(placement.bundleFor(Vector(2, 2, 0)) == 0, "the bundle that misses an executor")
    assert(PlacementSpec("ab", Vector(5, 5, 1)).bundleFor(Vector(5, 1)) == 5, "named twice")
  }

  test("an executor's actor is requested with everything that its settings say") {
    val spec = parsed(
      "spark.executor.cores" -> "2",
      "spark.raydp.placementGroup.id" -> "0aff",
      "spark.raydp.runtimeEnv" -> """{"py_modules": []}""").executor
    val request = spec.request("raydp-1", 3, Some(5))
    assert(request == ActorRequest(
      "raydp-1-executor-3",
      spec.demand,
      spec.javaOptions,
      Map("py_modules" -> "[]"),
      Some(GroupBundle("0aff", 5))))
    assert(spec.request("mine", 3, None).bundle.contains(GroupBundle("0aff", -1)), "any bundle")
    assert(parsed().executor.request("mine", 3, None).bundle.isEmpty)
    assert(parsed().executor.request("mine", 3, None).name == "raydp-mine-executor-3")
  }

  test("the user's JVM options come last, with Spark's placeholders replaced") {
    val spec = parsed("spark.executor.extraJavaOptions" -> "-Dname='{{APP_ID}} {{EXECUTOR_ID}}' -XX:+UseG1GC")
    assert(spec.executor.javaOptionsOf("app", 7).takeRight(2) == Vector("-Dname=app 7", "-XX:+UseG1GC"))
  }

  test("what a SparkContext adds to the options is not taken for the user's") {
    val added =
      s"-Djava.net.preferIPv6Addresses=false ${JavaModuleOptions.defaultModuleOptions()} -Dmine=1"
    assert(parsed("spark.executor.extraJavaOptions" -> added).executor == parsed(
      "spark.executor.extraJavaOptions" -> "-Dmine=1").executor)
  }

  test("the class path is in Spark's order with the extra entries first") {
    val options = parsed(
      "spark.raydp.executor.classPath" -> "/r.jar:/s.jar",
      "spark.raydp.executor.extraClassPath" -> "/a",
      "spark.executor.extraClassPath" -> "/b").executor.javaOptions
    assert(options(options.indexOf("-cp") + 1) == "/a:/b:/r.jar:/s.jar")
  }

  test("dynamic allocation determines how many executors there are at first") {
    val spec = parsed(
      "spark.dynamicAllocation.enabled" -> "true",
      "spark.dynamicAllocation.initialExecutors" -> "3",
      "spark.dynamicAllocation.shuffleTracking.enabled" -> "true",
      "spark.executor.instances" -> "1")
    assert(spec.initialExecutors == 3)
  }

  test("the environment of the executors is passed on") {
    val fromSpark = parsed("spark.executorEnv.TZ" -> "UTC").executor.runtimeEnv
    assert(fromSpark == Map("env_vars" -> """{"TZ":"UTC"}"""))
    val both = parsed(
      "spark.executorEnv.TZ" -> "UTC",
      "spark.raydp.runtimeEnv" -> """{"env_vars": {"TZ": "CET", "A": "b"}, "py_modules": ["gcs://x.zip"]}""").executor
    assert(both.runtimeEnv == Map("env_vars" -> """{"TZ":"UTC","A":"b"}""", "py_modules" -> """["gcs://x.zip"]"""))
    assert(parsed().executor.runtimeEnv.isEmpty)
  }

  test("a runtime environment that is none is refused") {
    for (wrong <- Seq("{", "[]", "3", """{"env_vars": {"A": 1}}""", """{"env_vars": "A"}""")) {
      val error = intercept[RayApplicationException](parsed("spark.raydp.runtimeEnv" -> wrong))
      assert(error.kind == "invalid_configuration" && error.getMessage.contains("must be a JSON object"), wrong)
    }
  }

  test("an id is made up when none is given") {
    val ids = Seq.fill(2)(parsed().id)
    assert(ids.distinct.size == 2 && ids.forall(_.matches("raydp-\\d{8}-\\d{6}-[0-9a-f]{6}")))
  }

  test("wrong values are refused by name") {
    Seq(
      "spark.raydp.executor.startTimeout" -> "soon",
      "spark.raydp.executor.maxConsecutiveFailures" -> "0",
      "spark.raydp.placementGroup.id" -> "xyz",
      "spark.raydp.app.id" -> "a/b",
      "spark.raydp.executor.resource.x" -> "-1").foreach { case (key, value) =>
      val error = intercept[ConfigurationException](parsed(key -> value))
      assert(error.getMessage.endsWith(s"$key: '$value'"))
    }
  }

  test("memory that Spark cannot read is refused") {
    val error = intercept[RayApplicationException](parsed("spark.executor.memory" -> "lots"))
    assert(error.kind == "invalid_configuration")
  }
}
