package org.apache.spark.raydp

import java.nio.charset.StandardCharsets.UTF_8

import io.raydp.security.RandomToken
import org.apache.hadoop.security.{Credentials, UserGroupInformation}
import org.apache.spark.{SecurityManager, SparkConf}
import org.apache.spark.internal.config.NETWORK_AUTH_ENABLED

/**
 * The secret that Spark's processes show each other.
 *
 * Kept where Spark itself keeps the one that it generates on YARN, with the user's Hadoop credentials in the process's
 * memory: `SecurityManager` looks there first. So it is never a setting, which logs, pages and programs print. Uses
 * `SecurityManager`'s names of the settings and of the credential; a public way to hand over a secret would replace
 * them.
 */
object ApplicationSecret {

  /** Stands in the configuration, since Spark insists that there is something for a master that it does not know. */
  val Placeholder = "generated; not shown here"

  /**
   * Makes up a secret for the driver if authentication is on and the user gave none. To be called before the
   * SparkContext is made.
   */
  def generate(conf: SparkConf): Unit = {
    val configured = conf.getOption(SecurityManager.SPARK_AUTH_SECRET_CONF)
    if (conf.get(NETWORK_AUTH_ENABLED) && configured.contains(Placeholder)) {
      adopt(RandomToken.generate())
    }
  }

  /** As [[generate]], for a driver whose settings are system properties. */
  def announce(): Unit = {
    val secret = SecurityManager.SPARK_AUTH_SECRET_CONF
    if (System.getProperty(secret) == null) System.setProperty(secret, Placeholder)
    generate(new SparkConf)
  }

  /** Takes the secret out of settings for an executor and has this process use it; returns the other settings. */
  def extract(properties: Map[String, String]): Map[String, String] = {
    properties.get(SecurityManager.SPARK_AUTH_SECRET_CONF).foreach(adopt)
    properties - SecurityManager.SPARK_AUTH_SECRET_CONF
  }

  private def adopt(secret: String): Unit = {
    val credentials = new Credentials
    credentials.addSecretKey(SecurityManager.SECRET_LOOKUP_KEY, secret.getBytes(UTF_8))
    UserGroupInformation.getCurrentUser.addCredentials(credentials)
  }
}
