package io.raydp.configuration

import scala.util.{Failure, Success, Try}

/**
 * One `spark.raydp.*` key: its type, default and documentation, declared once.
 *
 * @param key the full name
 * @param form what a value looks like, in words, for error messages and documentation ("a number of seconds above 0")
 * @param default the value if the key is absent; None if there is no default
 * @param document what the setting does, in one or two sentences
 * @param since the version that introduced it
 * @param parse converts a trimmed string to a value; None if the string does not have the form
 * @param former names of RayDP 1.6 that still work, see [[FormerNames]]
 */
final case class Setting[T](
    key: String,
    form: String,
    default: Option[String],
    document: String,
    since: String,
    parse: String => Option[T],
    former: Vector[String] = Vector.empty) {

  /** The value that `settings` gives to this key, or its default; None if there is neither. */
  private[configuration] def find(settings: String => Option[String]): Option[T] =
    settings(key).map(_.trim).filter(_.nonEmpty).orElse(default).map(parsed)

  private def parsed(value: String): T =
    parse(value).getOrElse(
      throw new ConfigurationException(s"This setting must be $form. $key: '$value'"))
}

/**
 * Keys with a common prefix that end with the name of a Ray resource. The value is an amount of it.
 *
 * @param prefix ends with a dot
 * @param former prefixes of RayDP 1.6 that still work
 */
final case class ResourceSettings(prefix: String, document: String, since: String, former: Vector[String]) {

  /** The name of the whole family in lists of keys. */
  val pattern: String = prefix + "<name>"

  /** The amounts in `settings`, by Ray's names of the resources. */
  private[configuration] def amounts(settings: Iterable[(String, String)]): Map[String, Double] =
    settings.collect {
      case (key, value) if key.startsWith(prefix) && key.length > prefix.length =>
        ResourceSettings.rayName(key.stripPrefix(prefix)) -> amount(key, value)
    }.toMap

  private def amount(key: String, value: String): Double =
    Setting[Double](key, ResourceSettings.Form, None, document, since, Setting.amount)
      .find(Map(key -> value).get)
      .getOrElse(throw Setting.missing(key))
}

object ResourceSettings {
  val Form = "a number of at least 0"

  private def rayName(name: String): String = name.toLowerCase match {
    case "cpu" => "CPU"
    case "gpu" => "GPU"
    case "memory" => "memory"
    case _ => name
  }
}

object Setting {
  private val plainNumber = raw"\d{1,18}(?:\.\d{1,9})?".r
  private val duration = raw"(\d+(?:\.\d+)?)\s*(ms|s|m|min|h)?".r
  private val size = raw"(\d+)\s*([kmgt]?)b?".r

  private[configuration] def missing(key: String) =
    new ConfigurationException(s"This setting is required. Set it: $key")

  def text(value: String): Option[String] = Some(value)

  def boolean(value: String): Option[Boolean] = value.toLowerCase match {
    case "true" | "1" | "yes" | "on" => Some(true)
    case "false" | "0" | "no" | "off" => Some(false)
    case _ => None
  }

  def positiveInt(value: String): Option[Int] = value.toIntOption.filter(_ > 0)

  def amount(value: String): Option[Double] =
    Option(value).filter(plainNumber.matches(_)).flatMap(_.toDoubleOption)

  /** Milliseconds from a number of seconds, or from a number with the unit ms, s, m, min or h. */
  def millis(value: String): Option[Long] = value.toLowerCase match {
    case duration(number, unit) =>
      val factor = unit match {
        case "ms" => 1.0
        case null | "s" => 1000.0
        case "m" | "min" => 60000.0
        case _ => 3600000.0
      }
      Some((number.toDouble * factor).toLong).filter(_ > 0)
    case _ => None
  }

  /** Bytes from a number, or from a number with the unit k, m, g or t (powers of 1024). */
  def bytes(value: String): Option[Long] = value.toLowerCase match {
    case size(number, unit) =>
      val shift = if (unit.isEmpty) 0 else 10 * (1 + "kmgt".indexOf(unit))
      Try(Math.multiplyExact(number.toLong, 1L << shift)) match {
        case Success(result) if result > 0 => Some(result)
        case Success(_) | Failure(_) => None
      }
    case _ => None
  }

  /** Like [[bytes]], between two sizes. */
  def bytesBetween(smallest: Long, largest: Long)(value: String): Option[Long] =
    bytes(value).filter(size => size >= smallest && size <= largest)

  /** Indexes from "0,2,3". */
  def indexes(value: String): Option[Vector[Int]] = {
    val parts = value.split(',').toVector.map(_.trim.toIntOption)
    if (parts.nonEmpty && parts.forall(_.exists(_ >= 0))) Some(parts.flatten) else None
  }

  def hexadecimal(value: String): Option[String] =
    Option(value.toLowerCase).filter(text => text.length % 2 == 0 && text.matches("[0-9a-f]+"))
}
