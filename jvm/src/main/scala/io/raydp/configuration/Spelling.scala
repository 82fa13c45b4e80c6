package io.raydp.configuration

/** Suggests names for a misspelt one, for error messages. */
object Spelling {

  /** The known name with the fewest letters to change, ignoring case; the alphabetically first one of several. */
  def nearest(name: String, known: Iterable[String]): Option[String] =
    known.toVector.sorted.minByOption(distance(name.toLowerCase, _))

  /** Levenshtein distance, ignoring the case of the second argument. */
  private def distance(first: String, second: String): Int = {
    val target = second.toLowerCase
    val initial = (0 to target.length).toVector
    first.foldLeft(initial) { (row, letter) =>
      target.indices.foldLeft(Vector(row.head + 1)) { (next, i) =>
        val substituted = row(i) + (if (letter == target(i)) 0 else 1)
        next :+ math.min(math.min(next.last + 1, row(i + 1) + 1), substituted)
      }
    }.last
  }
}
