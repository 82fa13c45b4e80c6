package io.raydp.exchange;

/** A failure of the exchange between this JVM and its node's agent. */
public final class ExchangeException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final ExchangeErrorCode code;

  /** The native library calls this constructor with the code's number. */
  public ExchangeException(int code, String message) {
    this(ExchangeErrorCode.ofOrdinal(code), message);
  }

  public ExchangeException(ExchangeErrorCode code, String message) {
    super(message);
    this.code = code;
  }

  public ExchangeException(ExchangeErrorCode code, String message, Throwable cause) {
    super(message, cause);
    this.code = code;
  }

  public ExchangeErrorCode code() {
    return code;
  }
}
