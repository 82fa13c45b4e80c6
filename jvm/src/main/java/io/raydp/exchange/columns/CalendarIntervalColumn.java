package io.raydp.exchange.columns;

import org.apache.spark.sql.catalyst.expressions.SpecializedGetters;
import org.apache.spark.unsafe.Platform;
import org.apache.spark.unsafe.types.CalendarInterval;

/** A column of calendar intervals: 32-bit months and days and 64-bit nanoseconds, 16 bytes per slot. */
public final class CalendarIntervalColumn extends ColumnWriter {
  private static final long NANOS_PER_MICRO = 1000;

  private final String path;
  private final BlockBuffer values;
  private long valuesAddress;

  CalendarIntervalColumn(BlockSpace space, Extent extent, String path) {
    super(space, extent);
    this.path = path;
    this.values = space.newBuffer(extent, 128);
  }

  @Override
  void bind(long segmentAddress) {
    super.bind(segmentAddress);
    valuesAddress = address(values);
  }

  public void putInterval(int index, CalendarInterval value) {
    long micros = value.microseconds;
    if (micros > Long.MAX_VALUE / NANOS_PER_MICRO || micros < Long.MIN_VALUE / NANOS_PER_MICRO) {
      throw new ArithmeticException(
          "An interval is too long for Arrow, which counts its time in nanoseconds (292 years). Value: " + value
              + ", column: " + path);
    }
    put(index, value.months, value.days, micros * NANOS_PER_MICRO);
  }

  private void put(int index, int months, int days, long nanos) {
    long address = valuesAddress + ((long) index << 4);
    Platform.putInt(null, address, months);
    Platform.putInt(null, address + 4, days);
    Platform.putLong(null, address + 8, nanos);
  }

  @Override
  public void putFrom(SpecializedGetters source, int ordinal, int index) {
    putInterval(index, source.getInterval(ordinal));
  }

  @Override
  void putEmpty(int index) {
    put(index, 0, 0, 0L);
  }

  @Override
  void describe(NodeList nodes) {
    describeNode(nodes, 2);
    nodes.addBuffer(values.offset(), values.usedBytes());
  }
}
