package io.raydp.process

import java.nio.file.{Files, Path}
import java.nio.file.attribute.PosixFilePermissions
import java.util.concurrent.atomic.AtomicBoolean

import scala.jdk.CollectionConverters._
import scala.util.Using
import scala.util.control.NonFatal

import net.jpountz.util.Native
import org.slf4j.LoggerFactory

/**
 * The copies of native libraries that Spark's jars unpack.
 *
 * A library deletes its copy when the JVM exits. Ray kills executors, so without this each executor would leave copies
 * in the folder for temporary files.
 */
object TemporaryLibraries {
  private val log = LoggerFactory.getLogger("io.raydp.process.TemporaryLibraries")
  private val redirected = new AtomicBoolean

  /** Where each library puts its copy: zstd, snappy, commons-crypto and netty. */
  private val Properties =
    Vector("ZstdTempFolder", "org.xerial.snappy.tempdir", "commons.crypto.lib.tempdir", "io.netty.native.workdir")
  private val Lz4Copy = raw".*?(/.*/liblz4-java-\d+\.so)".r
  private val Maps = Path.of("/proc/self/maps")

  /** JVMs ignore the variable TMPDIR, and all other programs heed it. */
  private val TemporaryFolder = "java.io.tmpdir"
  private val DefaultFolder = "/tmp"

  /**
   * Has the copies of this process go to a folder that is deleted with it. Only the first call has an effect.
   *
   * @param guard deletes the folder
   */
  def redirect(guard: => FolderGuard): Unit =
    if (redirected.compareAndSet(false, true)) {
      try {
        heedTemporaryFolder()
        val ownerOnly = PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"))
        val folder =
          Files.createTempDirectory(Path.of(System.getProperty(TemporaryFolder)), "raydp-libraries-", ownerOnly)
        guard.add(folder)
        Properties.filter(System.getProperty(_) == null).foreach(System.setProperty(_, folder.toString))
      } catch { case NonFatal(error) => log.warn("Native libraries may leave copies in the temporary folder", error) }
      unlinkLz4()
    }

  private def heedTemporaryFolder(): Unit =
    sys.env.get("TMPDIR").filter(_ => System.getProperty(TemporaryFolder) == DefaultFolder).map(Path.of(_))
      .filter(folder => Files.isDirectory(folder) && Files.isWritable(folder))
      .foreach(folder => System.setProperty(TemporaryFolder, folder.toString))

  /**
   * LZ4 has no property for its folder. Every Spark process needs the library, to send tasks, so it is loaded now, and
   * the copy is deleted: what is mapped stays.
   */
  private def unlinkLz4(): Unit =
    try {
      Native.load()
      val copies = Using.resource(Files.lines(Maps))(_.iterator.asScala.collect { case Lz4Copy(path) => path }.toSet)
      copies.foreach { path =>
        Files.deleteIfExists(Path.of(path))
        Files.deleteIfExists(Path.of(s"$path.lck"))
      }
    } catch {
      // Without the native library, LZ4 works in Java.
      case error @ (NonFatal(_) | _: LinkageError) => log.debug("LZ4's native library could not be loaded", error)
    }
}
