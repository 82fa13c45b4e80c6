package io.raydp.exchange;

/** Finds the buffers of Arrow arrays that are flattened in pre-order; {@link NodeCursor} says how. */
final class ArrayBuffers {
  private static final int BUFFER_COUNT = 2; // after length and null count
  private static final int NODE_FIELDS = 3;
  private static final int BUFFER_FIELDS = 2;

  /** Takes one buffer. */
  interface Visitor {
    /**
     * @param index where {@code nodes} has the offset; the size follows it
     */
    void visit(int index, long offset, long size);
  }

  private ArrayBuffers() {}

  /** Visits every buffer that is present, in order, of the arrays from {@code first} on. */
  static void forEach(long[] nodes, int first, Visitor visitor) {
    int node = first;
    while (node < nodes.length) {
      long end = node + NODE_FIELDS + BUFFER_FIELDS * field(nodes, node + BUFFER_COUNT);
      if (end < node + NODE_FIELDS || end > nodes.length) {
        throw malformed(nodes);
      }
      for (int index = node + NODE_FIELDS; index < end; index += BUFFER_FIELDS) {
        if (nodes[index] >= 0) {
          visitor.visit(index, nodes[index], nodes[index + 1]);
        }
      }
      node = (int) end;
    }
  }

  private static long field(long[] nodes, int index) {
    if (index >= nodes.length) {
      throw malformed(nodes);
    }
    // Larger numbers would overflow, and are too large anyway.
    return Math.min(Math.max(nodes[index], 0), nodes.length);
  }

  private static ExchangeException malformed(long[] nodes) {
    return new ExchangeException(
        ExchangeErrorCode.PROTOCOL,
        "The arrays of a block are cut off; this is a defect of raydp. Values: " + nodes.length);
  }
}
