package org.apache.spark.raydp

import org.apache.spark.{SecurityManager, SparkConf}
import org.scalatest.funsuite.AnyFunSuite

final class ApplicationSecretSuite extends AnyFunSuite {
  private def conf(settings: (String, String)*): SparkConf = new SparkConf(false).setAll(settings)

  private val placeholder =
    conf("spark.authenticate" -> "true", "spark.authenticate.secret" -> ApplicationSecret.Placeholder)

  private def secret: String = new SecurityManager(placeholder).getSecretKey()

  test("each application gets a secret of its own, which is not in its configuration") {
    ApplicationSecret.generate(placeholder)
    val first = secret
    ApplicationSecret.generate(placeholder)
    assert(first.matches("[0-9a-f]{64}") && secret.matches("[0-9a-f]{64}") && first != secret)
    assert(placeholder.getAll.forall { case (_, value) => value != first && value != secret })
  }

  test("a secret of the user stays, and without authentication there is none") {
    ApplicationSecret.generate(placeholder)
    val before = secret
    ApplicationSecret.generate(conf("spark.authenticate" -> "true", "spark.authenticate.secret" -> "mine"))
    ApplicationSecret.generate(placeholder.clone.set("spark.authenticate", "false"))
    assert(secret == before)
  }

  test("an executor uses the secret that it is given and does not keep it among its settings") {
    val others = ApplicationSecret.extract(Map("spark.authenticate.secret" -> "given", "spark.app.id" -> "a"))
    assert(others == Map("spark.app.id" -> "a"))
    assert(secret == "given")
    assert(ApplicationSecret.extract(others) == others && secret == "given")
  }
}
