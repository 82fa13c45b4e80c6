package io.raydp.security;

import jakarta.servlet.http.Cookie;

/** Keeps a cookie from requests that other sites cause: Servlet 5 has no attributes, and Jetty reads a comment. */
final class SameSite {
  /** {@code HttpCookie.SAME_SITE_STRICT_COMMENT} of Jetty 10 and 11. */
  private static final String JETTY_COMMENT = "__SAME_SITE_STRICT__";

  static void setStrict(Cookie cookie) {
    cookie.setComment(JETTY_COMMENT);
  }

  private SameSite() {}
}
