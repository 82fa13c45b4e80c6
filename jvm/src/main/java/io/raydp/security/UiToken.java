package io.raydp.security;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.HexFormat;

/** What opens this JVM's Spark UI. Never a setting, so that no page, log or command line shows it. */
public final class UiToken {
  private static final int BYTES = 32;
  private static final String VALUE = generate();

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

  private static String generate() {
    byte[] random = new byte[BYTES];
    new SecureRandom().nextBytes(random);
    return HexFormat.of().formatHex(random);
  }
}
