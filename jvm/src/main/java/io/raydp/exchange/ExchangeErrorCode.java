package io.raydp.exchange;

/**
 * What went wrong at the native boundary. The order is that of the {@code ErrorCode} enum in the C++ core and of the
 * names in Python; a test asserts that the three lists are equal.
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

  /** The code whose number on the native side is {@code ordinal}. */
  static ExchangeErrorCode ofOrdinal(int ordinal) {
    if (ordinal < 0 || ordinal >= VALUES.length) {
      throw new IllegalArgumentException(
          "The native library raised an error code that this jar does not know. The two belong to different versions. "
              + "Reinstall raydp. Code: " + ordinal);
    }
    return VALUES[ordinal];
  }
}
