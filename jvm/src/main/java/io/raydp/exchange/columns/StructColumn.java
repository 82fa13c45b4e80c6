package io.raydp.exchange.columns;

import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.SpecializedGetters;

/** A column of structs. */
public final class StructColumn extends PartsColumn {
  StructColumn(ColumnPlan plan) {
    super(plan);
  }

  public ColumnWriter field(int ordinal) {
    return parts[ordinal];
  }

  public void putStruct(int index, InternalRow value) {
    for (int i = 0; i < parts.length; i++) {
      parts[i].write(value, i, index);
    }
  }

  @Override
  public void putFrom(SpecializedGetters source, int ordinal, int index) {
    putStruct(index, source.getStruct(ordinal, parts.length));
  }

  @Override
  void putCached(CachedBytes source, int row, int index) {
    putStruct(index, source.structAt(row, parts.length));
  }
}
