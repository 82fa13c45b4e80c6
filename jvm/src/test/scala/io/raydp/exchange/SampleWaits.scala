package io.raydp.exchange

/** Waits for the tests, which know no setting by name. */
private[exchange] object SampleWaits {

  /** Every wait, a new one as well, has this bound. */
  def of(millis: Int): TaskWaits = TaskWaits(Map.empty[String, Int].withDefaultValue(millis))
}
