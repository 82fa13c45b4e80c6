package io.raydp.exchange

import java.nio.file.{Files, Path}

import scala.sys.process._

/** A key of this machine and what trusts it, as the JDK's keytool makes them. */
object TestKeys {
  private val Password = "password"
  private val Keys = "keys.p12"
  private val Trusted = "trusted.p12"
  private val Certificate = "certificate.pem"

  /** Spark's settings for TLS between its processes, with new keys in a folder. */
  def settings(folder: Path): Seq[(String, String)] = {
    val keys = folder.resolve(Keys).toString
    val trusted = folder.resolve(Trusted).toString
    val certificate = folder.resolve(Certificate).toString
    keytool(keys, "-genkeypair", "-keyalg", "RSA", "-dname", "CN=localhost", "-validity", "2")
    keytool(keys, "-exportcert", "-rfc", "-file", certificate)
    keytool(trusted, "-importcert", "-noprompt", "-file", certificate)
    Seq(
      "enabled" -> "true",
      "keyStore" -> keys,
      "keyStoreType" -> "PKCS12",
      "keyStorePassword" -> Password,
      "keyPassword" -> Password,
      "trustStore" -> trusted,
      "trustStoreType" -> "PKCS12",
      "trustStorePassword" -> Password,
      "protocol" -> "TLSv1.3").map { case (key, value) => s"spark.ssl.rpc.$key" -> value }
  }

  def delete(folder: Path): Unit =
    Seq(Keys, Trusted, Certificate).foreach(name => Files.deleteIfExists(folder.resolve(name)))

  private def keytool(store: String, arguments: String*): Unit = {
    val tool = Path.of(System.getProperty("java.home"), "bin", "keytool").toString
    val command = Seq(tool) ++ arguments ++
      Seq("-keystore", store, "-storepass", Password, "-storetype", "PKCS12", "-alias", "own")
    val said = new StringBuilder
    val code = command.!(ProcessLogger(line => said.append(line).append('\n')))
    require(code == 0, said)
  }
}
