package io.raydp.exchange;

/**
 * Every native method of the exchange, as translated by {@code native/bindings/jni_module.cc}. Connections are
 * handles owned by {@link AgentConnection}; nothing else calls these methods. All of them throw
 * {@link ExchangeException}.
 */
final class NativeExchange {
  static {
    NativeLibrary.load();
  }

  private NativeExchange() {}

  /** Connects and authenticates; the caller owns the handle until {@link #disconnect}. */
  static native long connect(String socketPath, byte[] token, String applicationId, int timeoutMillis);

  /** Wakes a blocked await of another thread, closes the socket and unmaps every segment of the connection. */
  static native void disconnect(long connection);

  /** Whether the agent has closed the connection or died, as far as is known without waiting. */
  static native boolean isAgentGone(long connection);

  /** Creates, seals and maps a segment of {@code size} bytes and shares it with the agent; returns its id. */
  static native long createSegment(long connection, long size);

  static native long segmentAddress(long connection, long segmentId);

  /** Tells the agent to forget the segment and unmaps it here. */
  static native void dropSegment(long connection, long segmentId);

  /** Gives the physical pages between the two offsets back to the system; they read as zero afterwards. */
  static native void trimSegment(long connection, long segmentId, long fromOffset, long toOffset);

  /** Hands a filled segment to the agent; it must not be written before it was accepted and acknowledged. */
  static native void sendBlock(long connection, long segmentId, long exportId, long rows, long[] nodes);

  /** Waits for the next word that a block will be stored: {segment id, index in the agent's stream}. */
  static native long[] awaitAccepted(long connection, int timeoutMillis);

  /** Waits until the agent has stored an accepted block and returns its segment's id. */
  static native long awaitAck(long connection, int timeoutMillis);

  /** Asks for rows of a block's columns, of nested ones for some fields, to be copied into a segment. */
  static native void requestRead(
      long connection,
      long segmentId,
      long dataset,
      int block,
      long fromRow,
      long maxRows,
      int[] columns,
      int[] selection);

  /** Waits for the next reply: {segment id, status (0 ready, 1 grow), from row, rows, total rows, needed bytes, nodes}. */
  static native long[] awaitRead(long connection, int timeoutMillis);

  /** The version that the library was built from. */
  static native String version();
}
