package io.raydp.process

/** Says why something failed, for people. */
object Causes {
  private val MaximumCauses = 10
  private val Frames = 8

  /** The error and its causes, one line each: the last one is the reason. */
  def describe(error: Throwable): String = chain(error).map(firstLine).distinct.mkString("\n  caused by ")

  /** Like [[describe]], and where the last cause arose. */
  def locate(error: Throwable): String =
    (describe(error) +: chain(error).last.getStackTrace.take(Frames).toVector.map(frame => s"\tat $frame")).mkString(
      "\n")

  private def chain(error: Throwable): Vector[Throwable] =
    Iterator.iterate(Option(error))(_.flatMap(one => Option(one.getCause))).takeWhile(_.isDefined).flatten
      .take(MaximumCauses).toVector

  private def firstLine(error: Throwable): String = error.toString.linesIterator.nextOption().getOrElse("")
}
