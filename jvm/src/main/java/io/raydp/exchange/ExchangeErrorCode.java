package io.raydp.exchange;

/**
 * What went wrong at the native boundary. The order mirrors the {@code ErrorCode} enum of the C++ core and the
 * names that Python sees; a test asserts that the three lists are equal.
 */
public enum ExchangeErrorCode {
  INVALID_ARGUMENT,
  CONNECTION_REFUSED,
  UNAUTHORIZED,
  CONNECTION_CLOSED,
  TIMEOUT,
  PROTOCOL,
  OUT_OF_MEMORY,
  IO,
  CANCELLED,
  REMOTE_FAILED,
  GROW;

  private static final ExchangeErrorCode[] VALUES = values();

  /** The code that the native side numbers {@code ordinal}. */
  static ExchangeErrorCode ofOrdinal(int ordinal) {
    if (ordinal < 0 || ordinal >= VALUES.length) {
      throw new IllegalArgumentException(
          "The native library raised an error code that this jar does not know; the two come from different builds. "
              + "Reinstall raydp. Code: " + ordinal);
    }
    return VALUES[ordinal];
  }
}
