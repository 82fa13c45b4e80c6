package io.raydp.submission

import java.lang.reflect.InvocationTargetException

import org.apache.spark.raydp.{ApplicationSecret, UnauthenticatedClients}

/**
 * The main class that `raydp-submit` passes to `spark-submit` instead of the application's own, whose name is the first
 * argument. `spark-submit` rejects masters that it does not know, so the master is set here.
 */
object SubmittedApplication {
  private val Master = "raydp.submitted.master"

  def main(arguments: Array[String]): Unit = {
    System.setProperty("spark.master", System.getProperty(Master))
    ApplicationSecret.announce()
    UnauthenticatedClients.limit()
    val application = Class.forName(arguments.head, true, Thread.currentThread.getContextClassLoader)
    try application.getMethod("main", classOf[Array[String]]).invoke(null, arguments.tail)
    catch { case error: InvocationTargetException => throw error.getCause }
  }
}
