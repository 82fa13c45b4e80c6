package io.raydp.exchange.columns;

import org.apache.spark.sql.catalyst.expressions.SpecializedGetters;
import org.apache.spark.unsafe.types.VariantVal;

/** A column of variants: a struct of two binaries, the value and its metadata. */
public final class VariantColumn extends ColumnWriter {
  private final BytesColumn value;
  private final BytesColumn metadata;

  VariantColumn(BlockSpace space, Extent extent, String path) {
    super(space, extent);
    this.value = new BytesColumn(space, extent, path + ".value", true);
    this.metadata = new BytesColumn(space, extent, path + ".metadata", true);
  }

  @Override
  void bind(long segmentAddress) {
    super.bind(segmentAddress);
    value.bind(segmentAddress);
    metadata.bind(segmentAddress);
  }

  public void putVariant(int index, VariantVal variant) {
    value.putBinary(index, variant.getValue());
    metadata.putBinary(index, variant.getMetadata());
  }

  @Override
  public void putFrom(SpecializedGetters source, int ordinal, int index) {
    putVariant(index, source.getVariant(ordinal));
  }

  @Override
  void putEmpty(int index) {
    value.putEmpty(index);
    metadata.putEmpty(index);
  }

  @Override
  void rollBack(int from, int to) {
    super.rollBack(from, to);
    value.rollBack(from, to);
    metadata.rollBack(from, to);
  }

  @Override
  void describe(NodeList nodes) {
    describeNode(nodes, 1);
    value.describe(nodes);
    metadata.describe(nodes);
  }
}
