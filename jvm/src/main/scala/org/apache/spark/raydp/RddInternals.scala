package org.apache.spark.raydp

import org.apache.spark.rdd.{DeterministicLevel, RDD}

/**
 * Uses RDD.outputDeterministicLevel, which Spark keeps to its own packages: it tells whether partitions can be
 * recomputed one by one. A public accessor would replace it.
 */
object RddInternals {

  /** Whether Spark knows of an operator that may return other rows when a partition is recomputed. */
  def isIndeterminate(rdd: RDD[_]): Boolean = rdd.outputDeterministicLevel == DeterministicLevel.INDETERMINATE
}
