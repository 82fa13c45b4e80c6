package io.raydp.exchange.columns;

import org.apache.spark.sql.catalyst.expressions.SpecializedGetters;
import org.apache.spark.unsafe.types.CalendarInterval;

/** A column of calendar intervals: a struct of their months, days and microseconds. */
public final class CalendarIntervalColumn extends PartsColumn {
  private final FixedWidthColumn months;
  private final FixedWidthColumn days;
  private final FixedWidthColumn microseconds;

  CalendarIntervalColumn(ColumnPlan plan) {
    super(plan);
    this.months = (FixedWidthColumn) parts[0];
    this.days = (FixedWidthColumn) parts[1];
    this.microseconds = (FixedWidthColumn) parts[2];
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
}
