package io.raydp.exchange.columns;

import org.apache.spark.sql.catalyst.expressions.SpecializedGetters;
import org.apache.spark.unsafe.types.CalendarInterval;

/** A column of calendar intervals: a struct of their months, days and microseconds. */
public final class CalendarIntervalColumn extends ColumnWriter {
  private final FixedWidthColumn months;
  private final FixedWidthColumn days;
  private final FixedWidthColumn microseconds;

  CalendarIntervalColumn(BlockSpace space, Extent extent) {
    super(space, extent);
    this.months = new FixedWidthColumn(space, extent, Primitive.INT);
    this.days = new FixedWidthColumn(space, extent, Primitive.INT);
    this.microseconds = new FixedWidthColumn(space, extent, Primitive.LONG);
  }

  @Override
  void bind(long segmentAddress) {
    super.bind(segmentAddress);
    months.bind(segmentAddress);
    days.bind(segmentAddress);
    microseconds.bind(segmentAddress);
  }

  public void putInterval(int index, CalendarInterval value) {
    months.putInt(index, value.months);
    days.putInt(index, value.days);
    microseconds.putLong(index, value.microseconds);
  }

  @Override
  public void putFrom(SpecializedGetters source, int ordinal, int index) {
    putInterval(index, source.getInterval(ordinal));
  }

  @Override
  void putEmpty(int index) {
    months.putEmpty(index);
    days.putEmpty(index);
    microseconds.putEmpty(index);
  }

  @Override
  void describe(NodeList nodes) {
    describeNode(nodes, 1);
    months.describe(nodes);
    days.describe(nodes);
    microseconds.describe(nodes);
  }
}
