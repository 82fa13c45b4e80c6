package io.raydp.exchange.columns;

/** Stands for Spark types that this version of Spark lacks: no type is an instance of {@link Absent}. */
final class LaterTypes {
  static final Class<?> ABSENT = Absent.class;
  static final Class<?> TIME = ABSENT;

  private LaterTypes() {}

  private static final class Absent {}
}
