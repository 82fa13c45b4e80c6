package io.raydp.exchange.columns;

import org.apache.spark.sql.types.StructType;

/** A column whose values consist of parts, each a column with the same slots: a struct in Arrow. */
abstract class PartsColumn extends ColumnWriter {
  final ColumnWriter[] parts;

  PartsColumn(ColumnPlan plan) {
    super(plan);
    StructType types = ColumnType.of(plan.type).layout().parts(plan.type);
    this.parts = plan.writers(types);
  }

  @Override
  final void bind(long segmentAddress) {
    super.bind(segmentAddress);
    for (ColumnWriter part : parts) {
      part.bind(segmentAddress);
    }
  }

  /** The parts of a null hold empty values, not nulls, since a part may be declared without nulls. */
  @Override
  final void putEmpty(int index) {
    for (ColumnWriter part : parts) {
      part.putEmpty(index);
    }
  }

  @Override
  final void rollBack(int from, int to) {
    super.rollBack(from, to);
    for (ColumnWriter part : parts) {
      part.rollBack(from, to);
    }
  }

  @Override
  final void describe(NodeList nodes) {
    describeNode(nodes, 1);
    for (ColumnWriter part : parts) {
      part.describe(nodes);
    }
  }
}
