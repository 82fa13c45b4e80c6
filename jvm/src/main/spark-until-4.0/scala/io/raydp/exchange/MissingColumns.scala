package io.raydp.exchange

import org.apache.spark.sql.execution.vectorized.WritableColumnVector

/** Columns that a Parquet file lacks. This Spark has no mark of their own for them. */
private[exchange] object MissingColumns {

  /**
   * Whether the reader made a vector of nulls without a look at the file. It does so for what the file lacks: the
   * column, or all fields of a struct that the query reads.
   */
  def includes(column: WritableColumnVector): Boolean = column.isAllNull
}
