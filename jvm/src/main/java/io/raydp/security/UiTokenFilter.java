package io.raydp.security;

import jakarta.servlet.Filter;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletRequest;
import jakarta.servlet.ServletResponse;
import jakarta.servlet.http.Cookie;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Lets into Spark's UI, and its REST API, only who has the application's token.
 *
 * <p>The token comes as {@code ?token=...} of a link, which a browser then keeps as a cookie, or as {@code
 * Authorization: Bearer ...} from a program. Spark's own filter only takes a header, which a browser does not send.
 */
public final class UiTokenFilter implements Filter {
  private static final String PARAMETER = "token=";
  private static final String BEARER = "Bearer ";

  @Override
  public void doFilter(ServletRequest asked, ServletResponse answer, FilterChain next)
      throws IOException, ServletException {
    HttpServletRequest request = (HttpServletRequest) asked;
    HttpServletResponse response = (HttpServletResponse) answer;
    if (Stream.of(header(request), cookie(request)).flatMap(Optional::stream).anyMatch(UiToken::matches)) {
      next.doFilter(asked, answer);
    } else if (parameter(request).filter(UiToken::matches).isPresent()) {
      keep(request, response);
    } else {
      response.setContentType("text/plain;charset=utf-8");
      response.setStatus(HttpServletResponse.SC_UNAUTHORIZED);
      response.getWriter().println(
          "This Spark UI asks for a token. Open the link that raydp.ui_url() returns in the program that it belongs to.");
    }
  }

  /** Has the browser keep the token and come again without it, so that the link does not stay in its history. */
  private static void keep(HttpServletRequest request, HttpServletResponse response) throws IOException {
    Cookie cookie = new Cookie(cookieName(request), UiToken.value());
    cookie.setHttpOnly(true);
    cookie.setSecure(request.isSecure());
    cookie.setPath("/");
    cookie.setAttribute("SameSite", "Strict");
    response.addCookie(cookie);
    String rest =
        String.join("&", parameters(request).filter(parameter -> !parameter.startsWith(PARAMETER)).toList());
    response.sendRedirect(request.getRequestURI() + (rest.isEmpty() ? "" : "?" + rest));
  }

  private static Optional<String> header(HttpServletRequest request) {
    return Optional.ofNullable(request.getHeader("Authorization"))
        .filter(value -> value.startsWith(BEARER))
        .map(value -> value.substring(BEARER.length()));
  }

  private static Optional<String> cookie(HttpServletRequest request) {
    Cookie[] cookies = request.getCookies() == null ? new Cookie[0] : request.getCookies();
    return Arrays.stream(cookies)
        .filter(cookie -> cookie.getName().equals(cookieName(request)))
        .map(Cookie::getValue)
        .findFirst();
  }

  private static Optional<String> parameter(HttpServletRequest request) {
    return parameters(request)
        .filter(parameter -> parameter.startsWith(PARAMETER))
        .map(parameter -> parameter.substring(PARAMETER.length()))
        .findFirst();
  }

  /** Of the address alone: reading the body of a request would take it from the servlet behind. */
  private static Stream<String> parameters(HttpServletRequest request) {
    return Optional.ofNullable(request.getQueryString()).stream().flatMap(query -> Arrays.stream(query.split("&")));
  }

  /** With the port, since browsers do not tell the cookies of one host's ports apart. */
  private static String cookieName(HttpServletRequest request) {
    return "raydp-ui-" + request.getServerPort();
  }
}
