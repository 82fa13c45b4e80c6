package io.raydp.security;

import jakarta.servlet.http.Cookie;

/** Keeps a cookie from requests that other sites cause: Servlet 6 has attributes for it. */
final class SameSite {
  static void setStrict(Cookie cookie) {
    cookie.setAttribute("SameSite", "Strict");
  }

  private SameSite() {}
}
