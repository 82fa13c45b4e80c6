package io.raydp.exchange.columns;

import org.apache.spark.sql.catalyst.expressions.SpecializedGetters;
import org.apache.spark.sql.types.VariantType;
import org.apache.spark.unsafe.types.VariantVal;

/** A column of variants: a struct of two binaries, the value and its metadata. */
public final class VariantColumn extends PartsColumn {
  static final Class<?> SPARK_TYPE = VariantType.class;

  private final BytesColumn value;
  private final BytesColumn metadata;

  VariantColumn(ColumnPlan plan) {
    super(plan);
    this.value = (BytesColumn) parts[0];
    this.metadata = (BytesColumn) parts[1];
  }

  public void putVariant(int index, VariantVal variant) {
    value.putBinary(index, variant.getValue());
    metadata.putBinary(index, variant.getMetadata());
  }

  @Override
  public void putFrom(SpecializedGetters source, int ordinal, int index) {
    putVariant(index, source.getVariant(ordinal));
  }
}
