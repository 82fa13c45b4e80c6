package io.raydp.exchange

import scala.util.matching.Regex

import org.apache.spark.raydp.NotRetried

/**
 * Values or types of a block that Spark cannot hold. Reading the block again would fail in the same way.
 *
 * @param message begins with the name of the error in Python, which is raised there
 */
final class DataException private (message: String) extends RuntimeException(message) with NotRetried

private[exchange] object DataException {

  /** Begins with the name of raydp's error in the agent. Every one is about the data, except an ExchangeError. */
  private val OfData: Regex = """(?s)the exchange agent reports: ((?!ExchangeError)\w+Error: .*)""".r

  /** What an agent says of the data in a block, or `None` if its error has other reasons. */
  def of(refusal: ExchangeException): Option[DataException] = refusal.getMessage match {
    case OfData(message) => Some(new DataException(message))
    case _ => None
  }
}
