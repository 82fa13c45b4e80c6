package io.raydp.exchange.columns;

import org.apache.spark.sql.catalyst.expressions.SpecializedGetters;
import org.apache.spark.unsafe.Platform;

/** A column of booleans: one bit per slot. */
public final class BooleanColumn extends ColumnWriter {
  private final BlockBuffer values;
  private long valuesAddress;

  BooleanColumn(ColumnPlan plan) {
    super(plan);
    this.values = space.newBuffer(extent, 1);
  }

  @Override
  void bind(long segmentAddress) {
    super.bind(segmentAddress);
    valuesAddress = address(values);
  }

  public void putBoolean(int index, boolean value) {
    long address = valuesAddress + (index >> 3);
    int shift = index & 7;
    // Slots are written in order: whatever a byte held above this bit is from an earlier block or a rolled back row.
    int kept = shift == 0 ? 0 : Platform.getByte(null, address) & ((1 << shift) - 1);
    Platform.putByte(null, address, (byte) (kept | (value ? 1 << shift : 0)));
  }

  @Override
  public void putFrom(SpecializedGetters source, int ordinal, int index) {
    putBoolean(index, source.getBoolean(ordinal));
  }

  @Override
  void putEmpty(int index) {
    putBoolean(index, false);
  }

  @Override
  void describe(NodeList nodes) {
    describeNode(nodes, 2);
    nodes.addBuffer(values.offset(), values.usedBytes());
  }
}
