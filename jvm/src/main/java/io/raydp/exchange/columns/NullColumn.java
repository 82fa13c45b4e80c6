package io.raydp.exchange.columns;

import org.apache.spark.sql.catalyst.expressions.SpecializedGetters;

/** A column of type void: every slot is null and there are no buffers. */
public final class NullColumn extends ColumnWriter {
  NullColumn(ColumnPlan plan) {
    super(plan);
  }

  @Override
  public void putFrom(SpecializedGetters source, int ordinal, int index) {}

  @Override
  void putEmpty(int index) {}

  @Override
  void describe(NodeList nodes) {
    nodes.beginNode(extent.count, extent.count, 0);
  }
}
