package io.raydp.configuration

import scala.io.{Codec, Source}

/**
 * Prints the registry as `docs/configuration.md`. To compare it with Python's, `--table` prints a tab-separated line per
 * key (key, form, default, names of RayDP 1.6), and `--check` prints whether it accepts each line KEY=VALUE of its input.
 * Needs only our jar and Scala's library.
 */
object ConfigurationPage {
  def main(arguments: Array[String]): Unit = arguments match {
    case Array() => print(page)
    case Array("--table") => print(table)
    case Array("--check") =>
      Source.fromInputStream(System.in)(Codec.UTF8).getLines().foreach(line => println(isAccepted(line)))
    case _ => throw new IllegalArgumentException(
        s"The options are --table and --check. Given: ${arguments.mkString(" ")}")
  }

  private def isAccepted(line: String): Boolean = {
    val (key, value) = line.splitAt(line.indexOf('='))
    try {
      RaydpConfiguration.check(Seq(key -> value.drop(1)))
      true
    } catch { case _: ConfigurationException => false }
  }

  /** Rows are joined with the margin that `stripMargin` removes. */
  private def page: String =
    s"""|# Configuration
        |
        |All settings of raydp. Spark's own settings keep their meaning. Set them with `configs` of `raydp.init_spark`, with
        |`SparkSession.builder.config`, in `spark-defaults.conf` or with `--conf`. An unknown key that starts with
        |`${RaydpConfiguration.Prefix}` is an error that names the most similar key.
        |
        |Durations are in seconds, or have a unit: `ms`, `s`, `m` or `min`, `h`. Sizes are in bytes, or have a unit: `k`, `m`,
        |`g`, `t` (powers of 1024).
        |
        |`bash ci/configuration-page.sh` generates this page from `RaydpConfiguration.scala`. Do not edit it.
        |
        || Key | Value | Default | What it does | Since |
        ||---|---|---|---|---|
        |${(RaydpConfiguration.settings.map(row) ++ RaydpConfiguration.resources.map(row)).sorted.mkString("\n|")}
        |
        |## Names of RayDP 1.6
        |
        |These names still work, and the driver logs the new name of each. If both names are given, the new one takes precedence;
        |class paths are joined. A `*` stands for the rest of the name.
        |
        || RayDP 1.6 | Now |
        ||---|---|
        |${FormerNames.all.sortBy(_.name).map(row).mkString("\n|")}
        |""".stripMargin

  private def row(setting: Setting[_]): String =
    cells(code(setting.key), setting.form, setting.default.map(code).mkString, setting.document, setting.since)

  private def row(family: ResourceSettings): String =
    cells(code(family.pattern), ResourceSettings.Form, "", family.document, family.since)

  private def row(former: FormerNames.FormerName): String =
    cells(code(starred(former.name)), former.now.map(starred).fold("nothing: it no longer has an effect")(code))

  private def starred(name: String): String = if (name.endsWith(".")) name + "*" else name

  private def code(text: String): String = s"`$text`"

  private def cells(texts: String*): String = texts.map(_.replace("|", "\\|")).mkString("| ", " | ", " |")

  private def table: String = {
    val single = RaydpConfiguration.settings.map { setting =>
      Vector(setting.key, setting.form, setting.default.mkString, setting.former.mkString(","))
    }
    val families = RaydpConfiguration.resources.map { family =>
      Vector(family.pattern, ResourceSettings.Form, "", family.former.mkString(","))
    }
    (single ++ families).map(_.mkString("\t") + "\n").mkString
  }
}
