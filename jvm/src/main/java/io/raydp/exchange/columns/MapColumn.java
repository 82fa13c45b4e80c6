package io.raydp.exchange.columns;

import org.apache.spark.sql.catalyst.expressions.SpecializedGetters;
import org.apache.spark.sql.catalyst.util.MapData;
import org.apache.spark.sql.types.MapType;
import org.apache.spark.unsafe.Platform;

/** A column of maps: 32-bit offsets into structs of key and value, which have their own extent. */
public final class MapColumn extends ColumnWriter {
  private final Extent entries;
  private final BlockBuffer offsets;
  private final ColumnWriter key;
  private final ColumnWriter value;
  private long offsetsAddress;

  MapColumn(ColumnPlan plan) {
    super(plan);
    MapType type = (MapType) plan.type;
    this.offsets = space.newBuffer(extent, 32, Integer.BYTES);
    this.entries = space.newExtent(plan.path + ".entries");
    this.key = plan.writer(entries, "key", type.keyType());
    this.value = plan.writer(entries, "value", type.valueType());
  }

  @Override
  void bind(long segmentAddress) {
    super.bind(segmentAddress);
    offsetsAddress = address(offsets);
    Platform.putInt(null, offsetsAddress, 0);
    key.bind(segmentAddress);
    value.bind(segmentAddress);
  }

  public ColumnWriter key() {
    return key;
  }

  public ColumnWriter value() {
    return value;
  }

  public void putMap(int index, MapData map) {
    int start = begin(index, map.numElements());
    key.writeAll(map.keyArray(), start);
    value.writeAll(map.valueArray(), start);
  }

  /** Begins a map and returns the index of its first key and value. */
  public int begin(int index, int length) {
    int start = entries.count;
    reserve(entries, length);
    entries.count = start + length;
    endAt(index, start + length);
    return start;
  }

  private void endAt(int index, int end) {
    Platform.putInt(null, offsetsAddress + ((long) index << 2) + 4, end);
  }

  @Override
  public void putFrom(SpecializedGetters source, int ordinal, int index) {
    putMap(index, source.getMap(ordinal));
  }

  @Override
  void putCached(CachedBytes source, int row, int index) {
    putMap(index, source.mapAt(row));
  }

  @Override
  void putEmpty(int index) {
    endAt(index, entries.count);
  }

  @Override
  void rollBack(int from, int to) {
    super.rollBack(from, to);
    int start = Platform.getInt(null, offsetsAddress + ((long) from << 2));
    key.rollBack(start, entries.count);
    value.rollBack(start, entries.count);
    entries.count = start;
  }

  @Override
  void describe(NodeList nodes) {
    describeNode(nodes, 2);
    nodes.addBuffer(offsets.offset(), offsets.usedBytes());
    // The struct of entries has its own node; its slots are never null.
    nodes.beginNode(entries.count, 0, 1);
    nodes.addAbsentBuffer();
    key.describe(nodes);
    value.describe(nodes);
  }
}
