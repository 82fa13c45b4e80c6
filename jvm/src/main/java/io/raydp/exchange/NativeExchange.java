package io.raydp.exchange;

/**
 * Every native method of the exchange; {@code native/bindings/jni_module.cc} implements them. {@link AgentConnection}
 * owns the connection handles, and nothing else calls these methods. All of them throw {@link ExchangeException}.
 */
final class NativeExchange {
  static {
    NativeLibrary.load();
  }

  private NativeExchange() {}

  /** Creates a connection; the caller owns the handle until {@link #disconnect}. */
  static native long create();

  /** Connects and authenticates, once. */
  static native void connect(
      long connection, String socketPath, byte[] token, String applicationId, int timeoutMillis);

  /** Wakes another thread that connects or waits on the connection, closes the socket and unmaps every segment. */
  static native void disconnect(long connection);

  /** Whether the agent is known to have closed the connection or died. Does not wait. */
  static native boolean isAgentGone(long connection);

  /** Creates, seals and maps a segment of {@code size} bytes and shares it with the agent; returns its id. */
  static native long createSegment(long connection, long size);

  static native long segmentAddress(long connection, long segmentId);

  /** Tells the agent to forget the segment and unmaps it here. */
  static native void dropSegment(long connection, long segmentId);

  /** Returns the physical pages between the two offsets to the system; they read as zero afterwards. */
  static native void trimSegment(long connection, long segmentId, long fromOffset, long toOffset);

  /** Hands a filled segment to the agent. The caller may write to it again once the agent has acknowledged it. */
  static native void sendBlock(long connection, long segmentId, long exportId, long rows, long[] nodes);

  /** Waits until the agent promises to store a block; returns the fields of ACCEPTED. */
  static native long[] awaitAccepted(long connection, int timeoutMillis);

  /** Waits until the agent has stored an accepted block and returns its segment's id. */
  static native long awaitAck(long connection, int timeoutMillis);

  /** Asks the agent to copy rows of some columns of a block, and of some fields of nested ones, into a segment. */
  static native void requestRead(
      long connection,
      long segmentId,
      long dataset,
      int block,
      long fromRow,
      long maxRows,
      int[] columns,
      int[] selection);

  /** Waits for the next reply: 0 and the fields of READY, or 1 and the fields of GROW. */
  static native long[] awaitRead(long connection, int timeoutMillis);

  /** The version that the library was built from. */
  static native String version();
}
