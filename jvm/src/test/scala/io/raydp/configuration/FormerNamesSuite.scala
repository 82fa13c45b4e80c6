package io.raydp.configuration

import org.scalatest.funsuite.AnyFunSuite

final class FormerNamesSuite extends AnyFunSuite {
  private def translated(settings: (String, String)*): FormerNames.Translation = FormerNames.translate(settings)

  test("every name of RayDP 1.6 that had a meaning is known") {
    val names = FormerNames.all.map(_.name)
    assert(names.toSet == Set(
      "raydp.executor.extraClassPath",
      "spark.log4j.config.file.name",
      "spark.preferClassPath",
      "spark.ray.actor.resource.",
      "spark.ray.bundle_indexes",
      "spark.ray.log4j.config.file.name",
      "spark.ray.placement_group",
      "spark.ray.preferClassPath",
      "spark.ray.raydp_app_master.extraJavaOptions",
      "spark.ray.raydp_recoverable_fetch.task.resource.",
      "spark.ray.raydp_spark_executor.actor.resource.",
      "spark.ray.raydp_spark_master.actor.resource.",
      "spark.ray.raydp_spark_master.resource."))
    assert(names == names.distinct)
  }

  test("an old name gives its value to the new one, with a line that names both") {
    val translation =
      translated("spark.ray.placement_group" -> "0aff", "spark.ray.raydp_spark_master.resource.CPU" -> "0")
    assert(translation.settings("spark.raydp.placementGroup.id") == "0aff")
    assert(translation.settings("spark.raydp.appMaster.resource.CPU") == "0")
    assert(translation.notes.toSet == Set(
      "This setting is called spark.raydp.placementGroup.id now: spark.ray.placement_group",
      "This setting is called spark.raydp.appMaster.resource.CPU now: spark.ray.raydp_spark_master.resource.CPU"))
  }

  test("where both are given the new name holds, and of two old ones the newer") {
    val translation = translated(
      "spark.raydp.executor.resource.cpu" -> "0.5",
      "spark.ray.raydp_spark_executor.actor.resource.CPU" -> "0.25",
      "spark.ray.actor.resource.disk" -> "1",
      "spark.ray.raydp_spark_executor.actor.resource.disk" -> "2")
    assert(RaydpConfiguration.ExecutorResources.amounts(translation.settings) == Map("CPU" -> 0.5, "disk" -> 2.0))
  }

  test("class paths are joined, and translating again changes nothing") {
    val once = translated(
      "raydp.executor.extraClassPath" -> "/a:/b",
      "spark.ray.preferClassPath" -> "/b:/c",
      "spark.raydp.executor.extraClassPath" -> "/own",
      "spark.preferClassPath" -> "/driver")
    assert(once.settings("spark.raydp.executor.extraClassPath") == "/own:/a:/b:/c")
    assert(once.settings("spark.driver.extraClassPath") == "/driver")
    val twice = FormerNames.translate(once.settings)
    assert(twice.settings == once.settings && twice.notes.isEmpty)
  }

  test("what lost its meaning is said") {
    assert(translated("spark.ray.raydp_recoverable_fetch.task.resource.CPU" -> "1").notes == Vector(
      "This setting has no effect any more: spark.ray.raydp_recoverable_fetch.task.resource.CPU"))
  }

  test("what is translated is checked by its new name") {
    val refused = intercept[ConfigurationException](
      RaydpConfiguration.check(translated("spark.ray.bundle_indexes" -> "first").settings))
    assert(refused.getMessage.endsWith("spark.raydp.placementGroup.bundleIndexes: 'first'"))
  }
}
