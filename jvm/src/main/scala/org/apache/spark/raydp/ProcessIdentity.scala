package org.apache.spark.raydp

import java.nio.file.{Files, Path}

import com.sun.security.auth.module.UnixSystem
import org.apache.hadoop.security.UserGroupInformation
import org.apache.spark.util.Utils

/**
 * The name of this process's host and user, on machines that know neither.
 *
 * Uses `Utils.setCustomHostname`, which does what the variable SPARK_LOCAL_HOSTNAME does, but after the process has
 * started. Uses `UserGroupInformation.setLoginUser`; a Hadoop that accepts a user without a name would replace it.
 */
object ProcessIdentity {

  /**
   * Has Spark use the address of the node, and not look up the machine's host name: it need not resolve.
   *
   * Must come before Spark's settings are read for the first time, because Spark looks the name up then.
   */
  def useAddress(host: String): Unit = Utils.setCustomHostname(Utils.addBracketsIfNeeded(host))

  /**
   * Gives the user a name for Hadoop if the password file has none, as in a container that runs with an arbitrary user
   * id. Without a name, Hadoop refuses to work.
   */
  def nameUser(): Unit =
    if (Option(new UnixSystem().getUsername).isEmpty) {
      val name = sys.env.get("HADOOP_USER_NAME").orElse(sys.env.get("SPARK_USER")).getOrElse(userId)
      UserGroupInformation.setLoginUser(UserGroupInformation.createRemoteUser(name))
    }

  private def userId: String = Files.getAttribute(Path.of("/proc/self"), "unix:uid").toString
}
