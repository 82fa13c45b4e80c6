package io.raydp.exchange

import org.apache.spark.sql.execution.vectorized.WritableColumnVector

/** Columns that a Parquet file lacks. */
private[exchange] object MissingColumns {

  /** Whether the vector stands for a column without a default that the file lacks. */
  def includes(column: WritableColumnVector): Boolean = column.isMissing
}
