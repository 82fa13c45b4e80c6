package io.raydp.configuration

import scala.io.{Codec, Source}

/**
 * Prints the registry as `docs/configuration.md`. For comparing it with Python's: `--table` prints a tab-separated line
 * per key (key, form, default, names of RayDP 1.6), `--check` says of each line KEY=VALUE of its input whether it is
 * accepted. Needs nothing but our jar and Scala's library.
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

  /** Rows are joined with the margin that `stripMargin` takes off again. */
  private def page: String =
    s"""|# Configuration
        |
        |Everything of raydp's own that can be set, beside the settings of Spark, which all keep their meaning. Give them as
        |`configs` of `raydp.init_spark`, with `SparkSession.builder.config`, in `spark-defaults.conf` or with `--conf`. A key that
        |begins with `${RaydpConfiguration.Prefix}` and is not one of these is an error that names the nearest one.
        |
        |Durations are seconds, or have a unit: `ms`, `s`, `m` or `min`, `h`. Sizes are bytes, or have a unit: `k`, `m`, `g`, `t`
        |(powers of 1024).
        |
        |This page is printed by `bash ci/configuration-page.sh` from `RaydpConfiguration.scala`; do not edit it.
        |
        || Key | Value | Default | What it does | Since |
        ||---|---|---|---|---|
        |${(RaydpConfiguration.settings.map(row) ++ RaydpConfiguration.resources.map(row)).sorted.mkString("\n|")}
        |
        |## Names of RayDP 1.6
        |
        |They still work, and the driver says in a line what each is called now. Where both are given, the new one holds; class
        |paths are joined. A `*` stands for the rest of the name.
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
    cells(code(starred(former.name)), former.now.map(starred).fold("nothing: it has no effect any more")(code))

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
