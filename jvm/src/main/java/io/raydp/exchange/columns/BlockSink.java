package io.raydp.exchange.columns;

/**
 * Where the blocks of one task go: lends segments to write in and takes them back filled. Used by the task's thread.
 */
public interface BlockSink {
  /** Memory to write a block in, {@code address} up to at least the requested size, valid until it is sent. */
  interface Segment {
    long address();
  }

  /** Lends a segment of at least {@code bytes} bytes, waiting for one that comes back if two are on their way. */
  Segment acquire(long bytes);

  /** Takes a lent segment back unused, because the block needs a larger one. */
  void discard(Segment segment);

  /**
   * Takes the filled segment; it may not be touched afterwards.
   *
   * @param nodes the block's Arrow arrays as {@code NativeExchange.sendBlock} wants them
   * @param touched the bytes of the segment that the block touched
   */
  void send(Segment segment, long rows, long[] nodes, ByteRanges touched);
}
