package io.raydp.exchange.columns;

/** The Java primitive in which Spark holds a value of fixed width, and its size in Arrow. */
enum Primitive {
  BYTE(1),
  SHORT(2),
  INT(4),
  LONG(8),
  FLOAT(4),
  DOUBLE(8);

  final int bytes;

  Primitive(int bytes) {
    this.bytes = bytes;
  }
}
