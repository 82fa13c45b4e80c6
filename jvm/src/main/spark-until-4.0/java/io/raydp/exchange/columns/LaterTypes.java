package io.raydp.exchange.columns;

/** Stands for Spark types that this version of Spark lacks: no type is an instance of {@link Absent}. */
final class LaterTypes {
  static final Class<?> TIME = Absent.class;

  private LaterTypes() {}

  private static final class Absent {}
}
