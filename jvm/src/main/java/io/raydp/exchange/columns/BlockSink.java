package io.raydp.exchange.columns;

/**
 * Takes the blocks of one task: lends segments to write to and takes them back filled. Only the task's thread uses it.
 */
public interface BlockSink {
  /** Memory for a block: at least the requested bytes from {@code address} on, valid until the block is sent. */
  interface Segment {
    long address();
  }

  /** Lends a segment of at least {@code bytes} bytes. If two are in flight, waits until one comes back. */
  Segment acquire(long bytes);

  /** Takes a lent segment back unused because the block needs a larger one. */
  void discard(Segment segment);

  /**
   * Takes the filled segment. The caller must not touch it afterwards.
   *
   * @param nodes the block's Arrow arrays, flattened as in {@link NodeList}
   * @param touched the bytes of the segment that the block touched
   */
  void send(Segment segment, long rows, long[] nodes, ByteRanges touched);
}
