package io.raydp.configuration

import java.io.File

/**
 * The names of RayDP 1.6. Each still works, and the driver logs its new name.
 *
 * If both names are given, the new one takes precedence; class paths are joined.
 */
object FormerNames {

  /**
   * An old name.
   *
   * @param name the key; a name that ends with a dot stands for all keys with this prefix
   * @param now the new key or prefix; None if the setting no longer has an effect
   * @param isClassPath whether several values are joined to one
   */
  final case class FormerName(name: String, now: Option[String], isClassPath: Boolean = false)

  /**
   * Settings by their new names.
   *
   * @param settings the given settings, and those that the old names stand for
   * @param notes a line for each old name that changed something
   */
  final case class Translation(settings: Map[String, String], notes: Vector[String])

  private val elsewhere = Vector(
    FormerName("spark.preferClassPath", Some("spark.driver.extraClassPath"), isClassPath = true),
    // Spark recomputes lost blocks, without tasks that need resources of their own.
    FormerName("spark.ray.raydp_recoverable_fetch.task.resource.", None))

  val all: Vector[FormerName] =
    RaydpConfiguration.settings.flatMap { setting =>
      setting.former.map(FormerName(_, Some(setting.key), setting == RaydpConfiguration.ExecutorExtraClassPath))
    } ++ RaydpConfiguration.resources.flatMap(family => family.former.map(FormerName(_, Some(family.prefix)))) ++
      elsewhere

  /** Adds the settings that old names stand for. Settings that were translated before stay as they are, without a note. */
  def translate(configured: Iterable[(String, String)]): Translation = {
    val values = configured.toMap
    all.foldLeft(Translation(values, Vector.empty)) { (done, former) =>
      matching(former, values).foldLeft(done) { case (translation, (key, value)) =>
        former.now match {
          case Some(now) => adopt(translation, former, key, now + key.stripPrefix(former.name), value)
          case None => translation.copy(notes = translation.notes :+ s"This setting has no effect any more: $key")
        }
      }
    }
  }

  private def matching(former: FormerName, values: Map[String, String]): Vector[(String, String)] =
    if (former.name.endsWith(".")) values.toVector.filter(_._1.startsWith(former.name)).sorted
    else values.get(former.name).map(former.name -> _).toVector

  private def adopt(done: Translation, former: FormerName, key: String, now: String, value: String): Translation = {
    // Ignores case, because "cpu" and "CPU" are the same resource.
    val before = done.settings.collectFirst { case (known, content) if known.equalsIgnoreCase(now) => content }
    val after = before match {
      case Some(path) if former.isClassPath => joined(path, value)
      case Some(newer) => newer
      case None => value
    }
    if (before.contains(after)) done
    else Translation(done.settings + (now -> after), done.notes :+ s"This setting is called $now now: $key")
  }

  private def joined(first: String, second: String): String =
    (first + File.pathSeparator + second).split(File.pathSeparator).filter(_.nonEmpty).distinct.mkString(
      File.pathSeparator)
}
