package io.raydp.lifecycle

import org.apache.spark.SparkConf
import org.scalatest.funsuite.AnyFunSuite

final class JavaOptionsCheckSuite extends AnyFunSuite {
  private def check(options: String): Option[JavaOptionsCheck] =
    JavaOptionsCheck.start(
      ApplicationSpec.parse(
        new SparkConf(false).set("spark.executor.extraJavaOptions", options),
        contextExists = false))

  test("options that a JVM takes pass") {
    check("-XX:+UseSerialGC -Dname=value").foreach(_.await())
  }

  test("options that it refuses are an error with its own words") {
    val error =
      intercept[RayApplicationException](check("-XX:+UseSerialGC -XX:MaxMetaspaceSize=lots").foreach(_.await()))
    assert(error.kind == "start_failed")
    assert(error.getMessage.contains("-XX:MaxMetaspaceSize=lots"))
    assert(error.getMessage.contains("Invalid maximum metaspace size") || error.getMessage.contains(
      "Improperly specified VM option"))
  }

  test("agents are left out, since they belong to the executors' nodes") {
    check("-javaagent:/only/there.jar -Da=b").foreach(_.await())
  }

  test("without options of the user nothing is started") {
    assert(check("").isEmpty)
  }
}
