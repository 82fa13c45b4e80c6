package org.apache.spark.raydp

import java.nio.file.{Files, Path}
import java.nio.file.attribute.PosixFilePermissions

import io.raydp.process.FolderGuard
import org.apache.spark.SparkEnv
import org.apache.spark.util.Utils

/**
 * The folders of Spark's local files: shuffles, spilled and cached blocks, fetched files.
 *
 * Other cluster managers start an executor in a folder that only its user can enter, and delete the folder afterwards.
 * Uses `DiskBlockManager.localDirs` and `Utils.getOrCreateLocalRootDirs`; a setting for a private folder per process
 * would replace them.
 */
private[raydp] object LocalFolders {
  private val Private = PosixFilePermissions.fromString("rwx------")

  /**
   * Locks other users out, and has the folders deleted when the process ends.
   *
   * @param guard deletes the folders
   * @param blocks deletes the folders of the block manager
   */
  def protect(env: SparkEnv, guard: FolderGuard, blocks: FolderGuard): Unit = {
    val blockFolders = env.blockManager.diskBlockManager.localDirs.map(_.toPath)
    blockFolders.foreach(Files.setPosixFilePermissions(_, Private))
    blockFolders.foreach(blocks.add)
    Utils.getOrCreateLocalRootDirs(env.conf).map(Path.of(_)).foreach(guard.add)
  }
}
