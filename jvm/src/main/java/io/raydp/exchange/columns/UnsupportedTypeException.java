package io.raydp.exchange.columns;

/** A column's type cannot cross between Spark and Ray. */
public final class UnsupportedTypeException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public UnsupportedTypeException(String message) {
    super(message);
  }
}
