package io.raydp.lifecycle

import java.nio.file.{Files, Path}

import org.apache.logging.log4j.LogManager
import org.apache.logging.log4j.core.LoggerContext
import org.scalatest.funsuite.AnyFunSuite

class WorkerLoggingSuite extends AnyFunSuite {
  private val own = Vector("log4j2.configurationFile", "log4j.configurationFile", "log4j.configuration")
  private val deferred = own.map(name => s"raydp.$name")

  /** The location of the configuration that a worker with these deferred options uses, if it is not the one of before. */
  private def used(options: (String, String)*): Option[String] = {
    val context = LogManager.getContext(false).asInstanceOf[LoggerContext]
    // log4j sets the last one when it looks for a configuration of log4j 1.
    val before = (own :+ "log4j1.compatibility").map(name => name -> Option(System.getProperty(name)))
    val configuration = context.getConfiguration
    options.foreach { case (name, value) => System.setProperty(name, value) }
    try {
      WorkerLogging.useConfiguration()
      Option.when(context.getConfiguration ne configuration) {
        context.getConfiguration.getConfigurationSource.getLocation
      }
    } finally {
      deferred.foreach(System.clearProperty)
      before.foreach {
        case (name, Some(value)) => System.setProperty(name, value)
        case (name, None) => System.clearProperty(name)
      }
      context.reconfigure()
    }
  }

  private def written(suffix: String, text: String): Path =
    Files.writeString(Files.createTempFile("log4j", suffix), text)

  test("the user's configuration is used") {
    val file = written(".xml", "<Configuration><Loggers><Root level='OFF'/></Loggers></Configuration>")
    try {
      assert(used().isEmpty)
      deferred.take(2).foreach(name => assert(used(name -> file.toString).exists(_.endsWith(file.toString)), name))
      assert(used(deferred.head -> file.toUri.toString).isDefined)
    } finally Files.delete(file)
  }

  test("without the file on this node, the configuration stays") {
    assert(deferred.forall(name => used(name -> "/none/log4j2.xml").isEmpty))
  }
}
