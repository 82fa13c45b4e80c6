package io.raydp.exchange;

/**
 * The agent's promise to store a block.
 *
 * @param index the block's place in the stream that the agent returns to the driver
 */
record AcceptedBlock(long segmentId, long index) {
  /** Takes {@link NativeExchange#awaitAccepted}'s reply apart. */
  static AcceptedBlock of(long[] reply) {
    return new AcceptedBlock(reply[0], reply[1]);
  }
}
