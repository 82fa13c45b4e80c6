package io.raydp.exchange.columns;

import java.math.BigInteger;
import org.apache.spark.sql.catalyst.expressions.SpecializedGetters;
import org.apache.spark.sql.types.Decimal;
import org.apache.spark.sql.types.DecimalType;
import org.apache.spark.unsafe.Platform;

/** A column of decimals: the unscaled value as a 128-bit little-endian integer per slot. */
public final class DecimalColumn extends ColumnWriter {
  private final String path;
  private final int precision;
  private final int scale;
  private final BlockBuffer values;
  private long valuesAddress;

  DecimalColumn(ColumnPlan plan) {
    super(plan);
    DecimalType type = (DecimalType) plan.type;
    this.path = plan.path;
    this.precision = type.precision();
    this.scale = type.scale();
    this.values = space.newBuffer(extent, 128);
  }

  @Override
  void bind(long segmentAddress) {
    super.bind(segmentAddress);
    valuesAddress = address(values);
  }

  public void putDecimal(int index, Decimal value) {
    Decimal exact = value;
    if (value.scale() != scale || value.precision() > precision) {
      exact = value.clone();
      if (!exact.changePrecision(precision, scale)) {
        throw new ArithmeticException(
            "A decimal does not fit its column's declared type. Value: " + value + ", column: " + path
                + ", type: decimal(" + precision + "," + scale + ")");
      }
    }
    if (precision <= Decimal.MAX_LONG_DIGITS()) {
      long unscaled = exact.toUnscaledLong();
      put(index, unscaled, unscaled >> 63);
    } else {
      BigInteger unscaled = exact.toJavaBigDecimal().unscaledValue();
      put(index, unscaled.longValue(), unscaled.shiftRight(64).longValue());
    }
  }

  private void put(int index, long low, long high) {
    long address = valuesAddress + ((long) index << 4);
    Platform.putLong(null, address, low);
    Platform.putLong(null, address + 8, high);
  }

  @Override
  public void putFrom(SpecializedGetters source, int ordinal, int index) {
    putDecimal(index, source.getDecimal(ordinal, precision, scale));
  }

  @Override
  void putCached(CachedBytes source, int row, int index) {
    putDecimal(index, source.getDecimal(row, precision, scale));
  }

  @Override
  void putEmpty(int index) {
    put(index, 0L, 0L);
  }

  @Override
  void describe(NodeList nodes) {
    describeNode(nodes, 2);
    nodes.addBuffer(values.offset(), values.usedBytes());
  }
}
