package io.raydp.lifecycle

import java.io.IOException
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.Path

import org.slf4j.LoggerFactory

/**
 * Deletes folders once this process has ended, in whatever way: a killed executor runs no shutdown hooks, and its
 * shuffle files would stay on the node's disk for good.
 *
 * A shell reads the folders' paths from a pipe and deletes them at the pipe's end, which the kernel brings about.
 */
final class FolderGuard private (shell: Option[Process]) {
  private val log = LoggerFactory.getLogger(classOf[FolderGuard])

  /** Paths with a line break are left alone. */
  def add(folder: Path): Unit = if (!folder.toString.contains('\n')) tell(folder.toString)

  /** Gives the folders up: another process deletes them from now on. */
  def release(): Unit = tell(FolderGuard.Release)

  private def tell(line: String): Unit = shell.foreach { process =>
    try {
      val pipe = process.getOutputStream
      pipe.synchronized {
        pipe.write(s"$line\n".getBytes(UTF_8))
        pipe.flush()
      }
    } catch {
      case error: IOException => log.warn(s"The shell that deletes folders has gone, and was to be told: $line", error)
    }
  }
}

object FolderGuard {

  /** No folder of Spark's has this name. */
  private val Release = "."

  /**
   * The inner shell does the work, in a session of its own where that can be had: Ray kills the children and the process
   * group of a process that it ends.
   */
  private val Script =
    "exec 3<&0; " +
      "$(command -v setsid) /bin/sh -c '" +
      "trap \"\" HUP INT TERM; while IFS= read -r folder; do if [ \"$folder\" = . ]; then exit; fi; set -- \"$@\" \"$folder\"; done; " +
      "if [ $# -gt 0 ]; then rm -rf -- \"$@\"; fi' raydp-folder-guard <&3 3<&- & " +
      "exec 3<&- </dev/null; wait"

  /** Without a shell on the machine nothing is guarded. */
  def start(): FolderGuard =
    try {
      val builder = new ProcessBuilder("/bin/sh", "-c", Script)
      val nowhere = ProcessBuilder.Redirect.DISCARD
      new FolderGuard(Some(builder.redirectOutput(nowhere).redirectError(nowhere).start()))
    } catch {
      case error: IOException =>
        LoggerFactory.getLogger(classOf[FolderGuard]).warn("Files may stay when this process is killed", error)
        new FolderGuard(None)
    }
}
