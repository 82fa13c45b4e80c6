package org.apache.spark.raydp

import java.nio.charset.StandardCharsets.UTF_8

import io.raydp.security.RandomToken
import org.apache.hadoop.security.{Credentials, UserGroupInformation}
import org.apache.spark.{SecurityManager, SparkConf}
import org.apache.spark.internal.config.NETWORK_AUTH_ENABLED

/**
 * The secret with which Spark's processes authenticate to each other.
 *
 * It is kept where Spark itself keeps the secret that it generates on YARN: with the user's Hadoop credentials in the
 * process's memory, where `SecurityManager` looks first. It is never a setting, because settings appear in logs, web
 * pages and programs. Uses `SecurityManager`'s names of the settings and of the credential; a public way to pass a
 * secret would replace them.
 */
object ApplicationSecret {

  /** The setting's value. Spark requires one for a master that it does not know. */
  val Placeholder = "generated; not shown here"

  /**
   * Generates a secret for the driver if authentication is on and the user gave none. Call it before creating the
   * SparkContext.
   */
  def generate(conf: SparkConf): Unit = {
    val configured = conf.getOption(SecurityManager.SPARK_AUTH_SECRET_CONF)
    if (conf.get(NETWORK_AUTH_ENABLED) && configured.contains(Placeholder)) {
      adopt(RandomToken.generate())
    }
  }

  /** Like [[generate]], for a driver whose settings are system properties. */
  def announce(): Unit = {
    val secret = SecurityManager.SPARK_AUTH_SECRET_CONF
    if (System.getProperty(secret) == null) System.setProperty(secret, Placeholder)
    generate(new SparkConf)
  }

  /** Removes the secret from the settings for this process, and uses it here. Returns the other settings. */
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
