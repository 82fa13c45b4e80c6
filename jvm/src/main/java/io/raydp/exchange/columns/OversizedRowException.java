package io.raydp.exchange.columns;

/** One row holds more than Arrow's 32-bit offsets can address in one column. */
public final class OversizedRowException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  OversizedRowException(String column, long needed) {
    super(
        "A single row has more bytes or elements in one column than a block can address: at most 2 GiB of text or 2^31 "
            + "elements. Split the value into several rows or columns. Column: " + column + ", needed: "
            + needed + ", limit: " + Extent.MAXIMUM);
  }
}
