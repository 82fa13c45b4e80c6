package io.raydp.configuration

import org.scalatest.funsuite.AnyFunSuite

final class RaydpConfigurationSuite extends AnyFunSuite {
  private def refusal(key: String, value: String): String =
    intercept[ConfigurationException](RaydpConfiguration.check(Seq(key -> value))).getMessage

  test("an unknown key is refused and the nearest one named") {
    assert(refusal("spark.raydp.executor.startTimout", "5").contains("did you mean spark.raydp.executor.startTimeout?"))
    assert(refusal("spark.raydp.placementgroup.ID", "00").contains("spark.raydp.placementGroup.id"))
    assert(refusal("spark.raydp.executor.resources.GPU", "1").contains("spark.raydp.executor.resource.<name>"))
  }

  test("keys of others are none of our business") {
    RaydpConfiguration.check(Seq("spark.executor.cores" -> "many", "spark.raydpx" -> "1", "raydp.x" -> "y"))
  }

  test("every default is of its key's form, and every key is declared once") {
    RaydpConfiguration.check(Nil)
    val keys = RaydpConfiguration.settings.map(_.key)
    assert(keys == keys.distinct && keys.forall(_.startsWith(RaydpConfiguration.Prefix)))
    assert(RaydpConfiguration.settings.forall(setting => setting.document.nonEmpty && setting.form.nonEmpty))
  }

  test("durations are seconds unless they say otherwise") {
    assert(Seq("5", "5s", "5000ms", "0.5", "2m", "1.5min", "1h").map(Setting.millis) ==
      Seq(5000, 5000, 5000, 500, 120000, 90000, 3600000).map(number => Some(number.toLong)))
    assert(Seq("", "-1", "0", "x", "5 days", "1e3").forall(Setting.millis(_).isEmpty))
  }

  test("sizes are bytes unless they say otherwise") {
    assert(Seq("1", "2k", "64m", "1G", "3tb").map(Setting.bytes) ==
      Seq(1L, 2048L, 64L << 20, 1L << 30, 3L << 40).map(Some(_)))
    assert(Seq("", "0", "-1", "1.5g", "99999999999t", "m").forall(Setting.bytes(_).isEmpty))
  }

  test("a wrong value is refused with its key, its form and itself") {
    assert(refusal("spark.raydp.progress", "perhaps") ==
      "This setting must be true, false or auto. spark.raydp.progress: 'perhaps'")
  }
}
