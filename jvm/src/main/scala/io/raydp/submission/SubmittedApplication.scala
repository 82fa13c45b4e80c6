package io.raydp.submission

import java.lang.reflect.InvocationTargetException

import org.apache.spark.raydp.ApplicationSecret

/**
 * What `raydp-submit` has `spark-submit` start in place of an application's main class, whose name is the first
 * argument: `spark-submit` refuses masters that it does not know, so the master is set here, after it.
 */
object SubmittedApplication {
  private val Master = "raydp.submitted.master"

  def main(arguments: Array[String]): Unit = {
    System.setProperty("spark.master", System.getProperty(Master))
    ApplicationSecret.announce()
    val application = Class.forName(arguments.head, true, Thread.currentThread.getContextClassLoader)
    try application.getMethod("main", classOf[Array[String]]).invoke(null, arguments.tail)
    catch { case error: InvocationTargetException => throw error.getCause }
  }
}
