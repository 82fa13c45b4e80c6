package io.raydp.exchange.columns;

import org.apache.spark.sql.catalyst.expressions.SpecializedGetters;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.unsafe.Platform;

/** A column of lists: 32-bit offsets into the elements, which have their own extent. */
public final class ListColumn extends ColumnWriter {
  private final Extent elements;
  private final BlockBuffer offsets;
  private final ColumnWriter element;
  private long offsetsAddress;

  ListColumn(ColumnPlan plan) {
    super(plan);
    this.offsets = space.newBuffer(extent, 32, Integer.BYTES);
    this.elements = space.newExtent(plan.path + ".element");
    this.element = plan.writer(elements, "element", ((ArrayType) plan.type).elementType());
  }

  @Override
  void bind(long segmentAddress) {
    super.bind(segmentAddress);
    offsetsAddress = address(offsets);
    Platform.putInt(null, offsetsAddress, 0);
    element.bind(segmentAddress);
  }

  public ColumnWriter element() {
    return element;
  }

  public void putArray(int index, ArrayData value) {
    int start = begin(index, value.numElements());
    element.writeAll(value, start);
  }

  /** Begins a list and returns the index of its first element. */
  public int begin(int index, int length) {
    int start = elements.count;
    reserve(elements, length);
    elements.count = start + length;
    endAt(index, start + length);
    return start;
  }

  private void endAt(int index, int end) {
    Platform.putInt(null, offsetsAddress + ((long) index << 2) + 4, end);
  }

  @Override
  public void putFrom(SpecializedGetters source, int ordinal, int index) {
    putArray(index, source.getArray(ordinal));
  }

  @Override
  void putCached(CachedBytes source, int row, int index) {
    putArray(index, source.arrayAt(row));
  }

  @Override
  void putEmpty(int index) {
    endAt(index, elements.count);
  }

  @Override
  void rollBack(int from, int to) {
    super.rollBack(from, to);
    int start = Platform.getInt(null, offsetsAddress + ((long) from << 2));
    element.rollBack(start, elements.count);
    elements.count = start;
  }

  @Override
  void describe(NodeList nodes) {
    describeNode(nodes, 2);
    nodes.addBuffer(offsets.offset(), offsets.usedBytes());
    element.describe(nodes);
  }
}
