package io.raydp.lifecycle

import java.nio.file.{Files, Path}

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

  Vector(
    "-XX:MaxMetaspaceSize=lots" -> "Improperly specified VM option",
    "word" -> "Could not find or load main class word",
    "-Xmslots" -> "Invalid initial heap size",
    "-Xms2g" -> "larger value than the maximum heap size", // the heap has 1 GiB
    "-Xlog:nonsense" -> "Invalid -Xlog option",
    "-XX:+UseSerialGC -XX:+UseG1GC" -> "Multiple garbage collectors",
    "--add-opens=foo" -> "Unable to parse").foreach { case (options, complaint) =>
    test(s"options that each JVM refuses are an error with its own words: $options") {
      val error = intercept[RayApplicationException](check(options).foreach(_.await()))
      assert(error.kind == "start_failed")
      assert(error.getMessage.contains(options) && error.getMessage.contains(complaint))
    }
  }

  test("options that depend on the machine are not judged on the driver's node") {
    val written = "only-the-check-would-write-this"
    check(
      s"-javaagent:/only/there.jar -agentlib:only_there -Da=b -Xlog:gc:file=/only/on/workers/gc.log -Xlog:gc:$written " +
        s"-Xloggc:/only/there -XX:StartFlightRecording=filename=$written -XX:ArchiveClassesAtExit=$written " +
        "-XX:AllocateHeapAt=/only/there -XX:Flags=/only/there -Dcom.sun.management.jmxremote.port=1 @/only/there").foreach(
      _.await())
    assert(!Files.exists(Path.of(written)))
  }

  test("more memory and processors than the driver's node has are not an error") {
    val heap = new SparkConf(false).set("spark.executor.memory", "900000g").set(
      "spark.executor.extraJavaOptions",
      "-Xms800000g -XX:+AlwaysPreTouch -XX:ConcGCThreads=1000")
    JavaOptionsCheck.start(ApplicationSpec.parse(heap, contextExists = false)).foreach(_.await())
    val reports = Files.list(Path.of(""))
    try assert(reports.noneMatch(_.getFileName.toString.startsWith("hs_err")))
    finally reports.close()
  }

  test("without options of the user nothing is started") {
    assert(check("").isEmpty)
  }
}
