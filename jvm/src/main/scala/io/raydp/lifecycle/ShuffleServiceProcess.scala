package io.raydp.lifecycle

import io.raydp.process.{Causes, Encoding, FolderGuard, ShuffleServiceAnswer, ShuffleServiceLaunch, TemporaryLibraries}
import org.apache.spark.SparkConf
import org.apache.spark.raydp.{ApplicationSecret, ProcessIdentity, ShuffleService}

/**
 * A shuffle service, in its own process.
 *
 * When the process ends, however it ends, the files that it served are deleted. The driver then gives up whatever was
 * computed there, as it does when a node is lost.
 */
final class ShuffleServiceProcess {
  private val files = FolderGuard.start()

  def start(launch: Array[Byte]): Array[Byte] = {
    val port =
      try {
        // As in an executor: Spark resolves classes with the context class loader, which is Ray's own here.
        Thread.currentThread.setContextClassLoader(ClassLoader.getSystemClassLoader)
        TemporaryLibraries.redirect(files)
        val host = ExecutorProcess.locate().host
        ProcessIdentity.useAddress(host)
        ProcessIdentity.nameUser()
        val ShuffleServiceLaunch(id, properties) = Encoding.decode[ShuffleServiceLaunch](launch)
        val conf = new SparkConf(false).setAll(ApplicationSecret.extract(properties))
        Right(new ShuffleService(host, id, conf, files.add).port)
      } catch {
        // Whatever it is, even a missing class: it is the answer to the driver.
        case error: Throwable => Left(Causes.locate(error))
      }
    Encoding.encode(ShuffleServiceAnswer(port))
  }
}
