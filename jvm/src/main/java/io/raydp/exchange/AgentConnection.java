package io.raydp.exchange;

import java.lang.ref.Cleaner;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;

/**
 * An authenticated connection to the agent of this node, with the shared segments that were made on it. Used by one
 * thread at a time; only {@link #cancel} may come from another. Closing unmaps every segment, so whoever holds a
 * segment's address must be done with it.
 */
public final class AgentConnection implements AutoCloseable {
  private static final Cleaner CLEANER = Cleaner.create();

  /** The native handle apart from the connection itself, so that the cleaner does not keep the latter alive. */
  private static final class Handle implements Runnable {
    private final AtomicLong value;

    Handle(long value) {
      this.value = new AtomicLong(value);
    }

    @Override
    public void run() {
      long handle = value.getAndSet(0);
      if (handle != 0) {
        NativeExchange.disconnect(handle);
      }
    }
  }

  /** A block that was sent and not reclaimed. */
  private record Unstored(MappedSegment segment, long exportId, boolean reusable) {}

  private final String path;
  private final Handle handle;
  private final Cleaner.Cleanable cleanable;
  private final List<MappedSegment> idle = new ArrayList<>();
  private final Map<Long, Unstored> unstored = new HashMap<>();

  /** Segments with a read on its way that nobody awaits any more. */
  private final Deque<MappedSegment> abandonedReads = new ArrayDeque<>();

  // Guarded by this: a cancelling thread may free the connection only while its user is blocked in an await.
  private boolean awaiting;
  private boolean cancelled;

  private AgentConnection(String path, long nativeHandle) {
    this.path = path;
    this.handle = new Handle(nativeHandle);
    this.cleanable = CLEANER.register(this, handle);
  }

  /**
   * Connects to the agent that listens at {@code path}.
   *
   * @throws ExchangeException with code CONNECTION_REFUSED when nobody listens there
   */
  public static AgentConnection open(String path, byte[] token, String application, int timeoutMillis) {
    return new AgentConnection(path, NativeExchange.connect(path, token, application, timeoutMillis));
  }

  public String path() {
    return path;
  }

  /** Whether the agent has closed this connection or died; does not wait. */
  boolean isAgentGone() {
    return NativeExchange.isAgentGone(open());
  }

  /** Lends an idle segment of at least {@code bytes} bytes, or a new one in the place of idle ones that are too small. */
  public MappedSegment lend(long bytes) {
    return lend(bytes, Long.MAX_VALUE);
  }

  /**
   * Lends a segment of about {@code bytes} bytes. A larger one will not do: an agent fills what it is given, while the
   * segments of exports are mostly room that nobody touches.
   */
  public MappedSegment lendForRead(long bytes) {
    return lend(bytes, sizeFor(bytes));
  }

  private MappedSegment lend(long bytes, long most) {
    MappedSegment best = null;
    for (MappedSegment candidate : idle) {
      boolean fits = candidate.size() >= bytes && candidate.size() <= most;
      if (fits && (best == null || candidate.size() < best.size())) {
        best = candidate;
      }
    }
    if (best != null) {
      idle.remove(best);
      return best;
    }
    if (!idle.isEmpty()) {
      drop(idle.remove(idle.size() - 1));
    }
    long size = sizeFor(bytes);
    long id = NativeExchange.createSegment(open(), size);
    return new MappedSegment(id, size, NativeExchange.segmentAddress(open(), id));
  }

  /** Powers of two, so that the segments of one export suit the next one's slightly larger layout. */
  private static long sizeFor(long bytes) {
    return Math.max(Long.highestOneBit(Math.max(bytes, 1) * 2 - 1), 4096);
  }

  /** Takes a lent segment back, its pages still warm. */
  public void giveBack(MappedSegment segment) {
    idle.add(segment);
  }

  /** Ends a lent segment. */
  public void drop(MappedSegment segment) {
    NativeExchange.dropSegment(open(), segment.id());
  }

  /** Gives physical pages of a lent segment back to the system. */
  void trim(MappedSegment segment, long from, long to) {
    NativeExchange.trimSegment(open(), segment.id(), from, to);
  }

  /**
   * Sends the block in a lent segment. {@link #reclaim} takes the segment back.
   *
   * @param reusable whether the segment is to be lent again afterwards
   */
  void sendBlock(MappedSegment segment, long exportId, long rows, long[] nodes, boolean reusable) {
    unstored.put(segment.id(), new Unstored(segment, exportId, reusable));
    NativeExchange.sendBlock(open(), segment.id(), exportId, rows, nodes);
  }

  /** Waits until the agent promises to store a block: {segment id, index in the agent's stream}. */
  long[] awaitAccepted(int timeoutMillis) {
    long connection = beginAwait();
    try {
      return NativeExchange.awaitAccepted(connection, timeoutMillis);
    } finally {
      endAwait();
    }
  }

  /** How many blocks were sent whose segments have not been reclaimed. */
  int unstoredBlocks() {
    return unstored.size();
  }

  /** Waits until the agent has stored one of the blocks, which were all accepted, and takes its segment back. */
  void reclaim(int timeoutMillis) {
    long id;
    long connection = beginAwait();
    try {
      id = NativeExchange.awaitAck(connection, timeoutMillis);
    } finally {
      endAwait();
    }
    Unstored block = unstored.remove(id);
    if (block.reusable) {
      giveBack(block.segment);
    } else {
      drop(block.segment);
    }
  }

  /**
   * Asks for rows of a block.
   *
   * @param columns indexes in the Dataset's schema
   * @param selection what is wanted of nested columns; see {@link ColumnPruning}
   */
  void requestRead(
      MappedSegment segment, long dataset, int block, long fromRow, long maxRows, int[] columns, int[] selection) {
    NativeExchange.requestRead(open(), segment.id(), dataset, block, fromRow, maxRows, columns, selection);
  }

  /** Waits for {segment id, status, from row, rows, total rows, needed bytes, nodes...}. */
  long[] awaitRead(int timeoutMillis) {
    long connection = beginAwait();
    try {
      return NativeExchange.awaitRead(connection, timeoutMillis);
    } finally {
      endAwait();
    }
  }

  /** Abandons the read into this lent segment; {@link #drain} takes its reply. */
  void abandonRead(MappedSegment segment) {
    abandonedReads.add(segment);
  }

  /**
   * Waits for what earlier users of this connection left in flight: replies to abandoned reads, and blocks of other
   * exports than {@code exportId}. Blocks of this export may stay in flight.
   */
  void drain(long exportId, int timeoutMillis) {
    while (!abandonedReads.isEmpty()) {
      awaitRead(timeoutMillis);
      giveBack(abandonedReads.poll());
    }
    while (unstored.values().stream().anyMatch(block -> block.exportId != exportId)) {
      reclaim(timeoutMillis);
    }
  }

  /** Called from any thread: the user of this connection fails in its next await, or at once in the current one. */
  public synchronized void cancel() {
    cancelled = true;
    if (awaiting) {
      cleanable.clean();
    }
  }

  synchronized boolean isCancelled() {
    return cancelled;
  }

  private synchronized long beginAwait() {
    if (cancelled) {
      throw new ExchangeException(ExchangeErrorCode.CANCELLED, "The task was cancelled. Agent: " + path);
    }
    awaiting = true;
    return open();
  }

  private synchronized void endAwait() {
    awaiting = false;
  }

  private long open() {
    long value = handle.value.get();
    if (value == 0) {
      throw new ExchangeException(
          ExchangeErrorCode.CONNECTION_CLOSED, "The connection to the exchange agent was closed. Agent: " + path);
    }
    return value;
  }

  @Override
  public void close() {
    cleanable.clean();
  }
}
