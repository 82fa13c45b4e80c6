package io.raydp.exchange

/**
 * The agent's promise to store a block.
 *
 * @param index the block's place in the stream that the agent returns to the driver
 */
private[exchange] final class AcceptedBlock(val segmentId: Long, val index: Long)

private[exchange] object AcceptedBlock {

  /** Takes the reply of `NativeExchange.awaitAccepted` apart. */
  def of(reply: Array[Long]): AcceptedBlock = new AcceptedBlock(reply(0), reply(1))
}
