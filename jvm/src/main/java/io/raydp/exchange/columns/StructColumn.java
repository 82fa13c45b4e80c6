package io.raydp.exchange.columns;

import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.SpecializedGetters;

/** A column of structs, whose fields share the column's slots. */
public final class StructColumn extends ColumnWriter {
  private final ColumnWriter[] fields;

  StructColumn(BlockSpace space, Extent extent, ColumnWriter[] fields) {
    super(space, extent);
    this.fields = fields;
  }

  @Override
  void bind(long segmentAddress) {
    super.bind(segmentAddress);
    for (ColumnWriter field : fields) {
      field.bind(segmentAddress);
    }
  }

  public ColumnWriter field(int ordinal) {
    return fields[ordinal];
  }

  public void putStruct(int index, InternalRow value) {
    for (int i = 0; i < fields.length; i++) {
      fields[i].write(value, i, index);
    }
  }

  @Override
  public void putFrom(SpecializedGetters source, int ordinal, int index) {
    putStruct(index, source.getStruct(ordinal, fields.length));
  }

  @Override
  void putCached(CachedBytes source, int row, int index) {
    putStruct(index, source.structAt(row, fields.length));
  }

  /** The fields of a null struct hold empty values, not nulls, since a field may be declared without nulls. */
  @Override
  void putEmpty(int index) {
    for (ColumnWriter field : fields) {
      field.putEmpty(index);
    }
  }

  @Override
  void rollBack(int from, int to) {
    super.rollBack(from, to);
    for (ColumnWriter field : fields) {
      field.rollBack(from, to);
    }
  }

  @Override
  void describe(NodeList nodes) {
    describeNode(nodes, 1);
    for (ColumnWriter field : fields) {
      field.describe(nodes);
    }
  }
}
