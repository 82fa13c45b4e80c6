package io.raydp.exchange.columns;

import org.apache.spark.sql.types.TimeType;

/** The Spark types that older versions of Spark lack. */
final class LaterTypes {
  static final Class<?> TIME = TimeType.class;

  private LaterTypes() {}
}
