package io.raydp.security;

import java.security.SecureRandom;
import java.util.HexFormat;

/** Generates tokens that nobody can guess: 256 random bits in hexadecimal. */
public final class RandomToken {
  private static final int BYTES = 32;

  private RandomToken() {}

  public static String generate() {
    byte[] random = new byte[BYTES];
    new SecureRandom().nextBytes(random);
    return HexFormat.of().formatHex(random);
  }
}
