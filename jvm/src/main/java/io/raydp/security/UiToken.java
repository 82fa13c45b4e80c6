package io.raydp.security;

/** The token of this JVM's Spark UI. It is never a setting, because pages, logs and command lines show settings. */
public final class UiToken {
  private static final String VALUE = RandomToken.generate();

  private UiToken() {}

  /** The token in hexadecimal. It stays the same while the JVM runs. */
  public static String value() {
    return VALUE;
  }
}
