package io.raydp.configuration

/** The values of all `spark.raydp.*` settings, checked and parsed once, see [[RaydpConfiguration.check]]. */
final class CheckedSettings private[configuration] (
    values: Map[String, Any],
    amountsByPrefix: Map[String, Map[String, Double]]) {

  /** The value of a setting, or its default; None if it has neither. */
  def find[T](setting: Setting[T]): Option[T] = values.get(setting.key).map(_.asInstanceOf[T])

  /** The value of a setting that has a default. */
  def get[T](setting: Setting[T]): T = find(setting).getOrElse(throw Setting.missing(setting.key))

  /** The amounts of a family of settings, by Ray's names of the resources. */
  def amounts(family: ResourceSettings): Map[String, Double] = amountsByPrefix(family.prefix)
}
