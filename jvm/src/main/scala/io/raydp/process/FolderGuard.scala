package io.raydp.process

import java.io.IOException
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.Path

import org.slf4j.LoggerFactory

/**
 * Deletes folders after this process has ended, however it ended. A killed executor runs no shutdown hooks, and its
 * shuffle files would stay on the node's disk forever.
 *
 * A shell reads the folders' paths from a pipe and deletes them when the pipe closes, which the kernel guarantees.
 */
final class FolderGuard private (shell: Option[Process]) {
  private val log = LoggerFactory.getLogger(classOf[FolderGuard])

  /** Ignores paths with a line break. */
  def add(folder: Path): Unit = if (!folder.toString.contains('\n')) write(folder.toString)

  /** Keeps the folders: another process deletes them from now on. */
  def release(): Unit = write(FolderGuard.Release)

  private def write(line: String): Unit = shell.foreach { process =>
    try {
      val pipe = process.getOutputStream
      pipe.synchronized {
        pipe.write(s"$line\n".getBytes(UTF_8))
        pipe.flush()
      }
    } catch {
      case error: IOException => log.warn(s"The shell that deletes folders has ended. Could not send it: $line", error)
    }
  }
}

object FolderGuard {

  /** Spark never uses this name for a folder. */
  private val Release = "."

  /**
   * The inner shell does the work, in a session of its own if `setsid` exists: Ray kills the children and the process
   * group of a process that it ends.
   */
  private val Script =
    "exec 3<&0; " +
      "$(command -v setsid) /bin/sh -c '" +
      "trap \"\" HUP INT TERM; while IFS= read -r folder; do if [ \"$folder\" = . ]; then exit; fi; set -- \"$@\" \"$folder\"; done; " +
      "if [ $# -gt 0 ]; then rm -rf -- \"$@\"; fi' raydp-folder-guard <&3 3<&- & " +
      "exec 3<&- </dev/null; wait"

  /** On a machine without a shell, the guard does nothing. */
  def start(): FolderGuard =
    try {
      val builder = new ProcessBuilder("/bin/sh", "-c", Script)
      val discarded = ProcessBuilder.Redirect.DISCARD
      new FolderGuard(Some(builder.redirectOutput(discarded).redirectError(discarded).start()))
    } catch {
      case error: IOException =>
        LoggerFactory.getLogger(classOf[FolderGuard]).warn(
          "There is no shell to delete local files with; if this process is killed, its files stay on the disk",
          error)
        new FolderGuard(None)
    }
}
