package io.raydp.exchange.connect

import scala.util.control.NonFatal

import com.fasterxml.jackson.databind.node.JsonNodeFactory

/**
 * The answer to a call, as JSON: its value, or the exception with its causes if raydp threw one of them. Python turns
 * those into its own errors. Spark Connect would pass on their texts only. Spark's own exceptions pass through.
 */
private[connect] object Answer {
  private val Prefix = "io.raydp.exchange."
  private val DeepestCause = 20 // Java allows circular causes

  def of(value: => String): String = {
    val answer = JsonNodeFactory.instance.objectNode
    try answer.put("value", value)
    catch {
      case NonFatal(error) if causes(error).exists(isOurs) =>
        val list = answer.putArray("causes")
        causes(error).foreach { cause =>
          list.addObject().put("class_name", cause.getClass.getName).put("message", String.valueOf(cause.getMessage))
        }
    }
    answer.toString
  }

  /** Spark's scheduler passes on the text of an exception only, if it cannot load the class. */
  private def isOurs(error: Throwable): Boolean =
    error.getClass.getName.startsWith(Prefix) || String.valueOf(error.getMessage).contains(Prefix)

  private def causes(error: Throwable): List[Throwable] =
    Iterator.iterate(Option(error))(_.flatMap(one => Option(one.getCause))).takeWhile(_.isDefined).flatten
      .take(DeepestCause).toList
}
