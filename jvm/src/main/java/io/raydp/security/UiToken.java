package io.raydp.security;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;

/** What opens this JVM's Spark UI. Never a setting, so that no page, log or command line shows it. */
public final class UiToken {
  private static final String VALUE = RandomToken.generate();

  private UiToken() {}

  /** The token in hexadecimal; the same as long as the JVM lives. */
  public static String value() {
    return VALUE;
  }

  /** Takes the same time whatever the guess. */
  static boolean matches(String guess) {
    return MessageDigest.isEqual(
        VALUE.getBytes(StandardCharsets.US_ASCII), guess.getBytes(StandardCharsets.UTF_8));
  }
}
