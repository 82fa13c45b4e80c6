package io.raydp.exchange.columns;

import org.apache.spark.sql.catalyst.expressions.SpecializedGetters;

/** Stands for a column of variants, which this version of Spark lacks. No type has this form. */
public final class VariantColumn extends PartsColumn {
  static final Class<?> SPARK_TYPE = LaterTypes.ABSENT;

  VariantColumn(ColumnPlan plan) {
    super(plan);
  }

  @Override
  public void putFrom(SpecializedGetters source, int ordinal, int index) {
    throw new UnsupportedOperationException("This version of Spark has no variants.");
  }
}
