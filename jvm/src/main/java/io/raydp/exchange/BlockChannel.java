package io.raydp.exchange;

/**
 * What a task exchanges blocks through: a connection to the agent of its machine ({@link AgentConnection}), or to a relay
 * on another machine ({@code RelayedChannel}). One thread at a time uses it; only {@link #cancel} may be called from
 * another. Closing frees every segment, so nobody may use a segment's address after that.
 */
interface BlockChannel extends AutoCloseable {
  /** What messages call the other end. */
  String agent();

  /** The name under which the agent is known to the driver. */
  String node();

  /** Lends a segment of at least {@code bytes} bytes. */
  MappedSegment lend(long bytes);

  /**
   * Lends a segment of about {@code bytes} bytes. It is never much larger, because an agent fills the whole segment of
   * a read, while most of an export's segment is never touched.
   */
  MappedSegment lendForRead(long bytes);

  /** Takes a lent segment back. */
  void giveBack(MappedSegment segment);

  /** Frees a lent segment. */
  void drop(MappedSegment segment);

  /** Returns physical pages of a lent segment to the system, if the segment can be lent again. */
  void trim(MappedSegment segment, long from, long to);

  /**
   * Sends the block in a lent segment, which the caller must not touch afterwards.
   *
   * @param wait how long it may take until there is room for the block
   * @param reusable whether the segment may be lent again afterwards
   */
  void sendBlock(MappedSegment segment, long exportId, long rows, long[] nodes, boolean reusable, AgentWait wait);

  /** Waits until the agent promises to store a block. */
  AcceptedBlock awaitAccepted(AgentWait wait);

  /** How many blocks were sent whose segments are still in use. */
  int unstoredBlocks();

  /** Waits until the agent has stored one of the blocks, which were all accepted, and takes its segment back. */
  void reclaim(AgentWait wait);

  /**
   * Asks for rows of a block.
   *
   * @param columns indexes in the Dataset's schema
   * @param selection which parts of nested columns to read; see {@link ColumnPruning}
   */
  void requestRead(
      MappedSegment segment, long dataset, int block, long fromRow, long maxRows, int[] columns, int[] selection);

  /** Waits for the reply to the oldest read in flight, whose rows are then in its segment. */
  ReadReply awaitRead(AgentWait wait);

  /** Abandons the read into this lent segment. */
  void abandonRead(MappedSegment segment);

  /** Makes the channel's user fail in the current wait, or in the next one. May be called from any thread. */
  void cancel();

  @Override
  void close();
}
