package org.apache.spark.raydp

import java.io.{InputStream, OutputStream}
import java.nio.channels.Channels
import java.util.jar.{Attributes, JarInputStream}

import scala.util.Using

import org.apache.hadoop.fs.Path
import org.apache.spark.SparkContext

/**
 * Uses SparkContext.env and RpcEnv.openChannel, which Spark keeps to its own packages: SparkContext.listJars names the
 * jars that executors fetch, but only executors can fetch them. A public way to read them would replace it.
 */
object SentJars {

  /** The version in the manifest of a jar that executors fetch, by its address in SparkContext.listJars. */
  def versionOf(context: SparkContext, address: String): Option[String] =
    Using.resource(open(context, address)) { stream =>
      val manifest = Option(new JarInputStream(stream).getManifest)
      stream.transferTo(OutputStream.nullOutputStream) // Spark logs an error if a reader stops early
      manifest.flatMap(found => Option(found.getMainAttributes.getValue(Attributes.Name.IMPLEMENTATION_VERSION)))
    }

  private def open(context: SparkContext, address: String): InputStream =
    if (address.startsWith("spark:")) Channels.newInputStream(context.env.rpcEnv.openChannel(address))
    else {
      val path = new Path(address.stripPrefix("local:")) // "local:" is a path on every machine
      path.getFileSystem(context.hadoopConfiguration).open(path)
    }
}
