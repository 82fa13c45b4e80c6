package io.raydp.security;

import jakarta.servlet.Filter;
import jakarta.servlet.FilterChain;
import jakarta.servlet.FilterConfig;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletRequest;
import jakarta.servlet.ServletResponse;
import jakarta.servlet.http.Cookie;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Accepts only clients that have the application's token, for Spark's UI and its REST API.
 *
 * <p>The token comes as {@code ?token=...} in a link, which the browser then keeps as a cookie, or as {@code
 * Authorization: Bearer ...} from a program. Spark's own filter accepts only a header, which a browser does not send.
 *
 * <p>The token is that of this JVM. The processes of a standalone cluster have one in common: the setting {@code
 * spark.io.raydp.security.UiTokenFilter.param.token}, which Spark passes on as a parameter of this filter.
 */
public final class UiTokenFilter implements Filter {
  private static final String PARAMETER = "token=";
  private static final String BEARER = "Bearer ";

  private String token = UiToken.value();

  @Override
  public void init(FilterConfig config) {
    token = Optional.ofNullable(config.getInitParameter("token")).orElse(token);
  }

  @Override
  public void doFilter(ServletRequest asked, ServletResponse answer, FilterChain next)
      throws IOException, ServletException {
    HttpServletRequest request = (HttpServletRequest) asked;
    HttpServletResponse response = (HttpServletResponse) answer;
    if (Stream.of(header(request), cookie(request)).flatMap(Optional::stream).anyMatch(this::matches)) {
      next.doFilter(asked, answer);
    } else if (parameter(request).filter(this::matches).isPresent()) {
      keep(request, response);
    } else {
      response.setContentType("text/plain;charset=utf-8");
      response.setStatus(HttpServletResponse.SC_UNAUTHORIZED);
      response.getWriter().println(
          "This Spark UI asks for a token. Open the link that raydp.ui_url() returns in the application's program, or"
              + " the ui_url of a StandaloneCluster.");
    }
  }

  /** Takes the same time for every guess. */
  private boolean matches(String guess) {
    return MessageDigest.isEqual(
        token.getBytes(StandardCharsets.US_ASCII), guess.getBytes(StandardCharsets.UTF_8));
  }

  /** Has the browser store the token and reload without it, to keep the token out of its history. */
  private void keep(HttpServletRequest request, HttpServletResponse response) throws IOException {
    Cookie cookie = new Cookie(cookieName(request), token);
    cookie.setHttpOnly(true);
    cookie.setSecure(request.isSecure());
    cookie.setPath("/");
    SameSite.setStrict(cookie);
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

  /** Only from the URL: reading a request's body would take it away from the servlet. */
  private static Stream<String> parameters(HttpServletRequest request) {
    return Optional.ofNullable(request.getQueryString()).stream().flatMap(query -> Arrays.stream(query.split("&")));
  }

  /** Contains the port, because browsers share the cookies of all ports of a host. */
  private static String cookieName(HttpServletRequest request) {
    return "raydp-ui-" + request.getServerPort();
  }
}
