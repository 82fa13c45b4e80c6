package io.raydp.exchange;

import java.lang.ref.Cleaner;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongFunction;

/**
 * An authenticated connection to this node's agent, with the shared segments that were created on it. One thread at a
 * time uses it; only {@link #cancel} may be called from another. Closing unmaps every segment, so nobody may use a
 * segment's address after that.
 */
public final class AgentConnection implements BlockChannel {
  private static final Cleaner CLEANER = Cleaner.create();
  private static final long SMALLEST_SEGMENT = 4096;

  /** The native handle. Separate from the connection, which the cleaner would otherwise keep alive. */
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

  /** A block that was sent and whose segment was not reclaimed yet. */
  private record Unstored(MappedSegment segment, long exportId, boolean reusable) {}

  private final String path;
  private final Handle handle;
  private final Cleaner.Cleanable cleanable;
  private final List<MappedSegment> idle = new ArrayList<>();
  private final Map<Long, Unstored> unstored = new HashMap<>();

  /** Segments of reads in flight whose replies nobody awaits. */
  private final Deque<MappedSegment> abandonedReads = new ArrayDeque<>();

  // Guarded by this: another thread may free the connection only while its user waits in the native library.
  private boolean awaiting;
  private boolean cancelled;

  private AgentConnection(String path, long nativeHandle) {
    this.path = path;
    this.handle = new Handle(nativeHandle);
    this.cleanable = CLEANER.register(this, handle);
  }

  /** A connection to the agent at {@code path} that is still to be connected. */
  public static AgentConnection to(String path) {
    return new AgentConnection(path, NativeExchange.create());
  }

  /**
   * Connects and authenticates, once. {@link #cancel} interrupts it.
   *
   * @throws ExchangeException with code CONNECTION_REFUSED when nobody listens there
   */
  public void connect(byte[] token, String application, int timeoutMillis) {
    this.<Void>await(
        connection -> {
          NativeExchange.connect(connection, path, token, application, timeoutMillis);
          return null;
        });
  }

  public String path() {
    return path;
  }

  @Override
  public String agent() {
    return path;
  }

  @Override
  public String node() {
    return AgentLocator$.MODULE$.nodeOf(path);
  }

  /** Whether the agent has closed this connection or died. Does not wait. */
  boolean isAgentGone() {
    return NativeExchange.isAgentGone(requireOpen());
  }

  /** Lends an idle segment, or a new one that replaces an idle one. */
  @Override
  public MappedSegment lend(long bytes) {
    return lend(bytes, Long.MAX_VALUE);
  }

  @Override
  public MappedSegment lendForRead(long bytes) {
    return lend(bytes, sizeFor(bytes));
  }

  private MappedSegment lend(long minimum, long maximum) {
    MappedSegment best = null;
    for (MappedSegment candidate : idle) {
      boolean fits = candidate.size() >= minimum && candidate.size() <= maximum;
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
    long size = sizeFor(minimum);
    long id = NativeExchange.createSegment(requireOpen(), size);
    return new MappedSegment(id, size, NativeExchange.segmentAddress(requireOpen(), id));
  }

  /** A power of two, so the segments of one export also fit the slightly larger layout of the next. */
  static long sizeFor(long bytes) {
    return Math.max(Long.highestOneBit(Math.max(bytes, 1) * 2 - 1), SMALLEST_SEGMENT);
  }

  /** Takes a lent segment back for reuse, with its pages still warm. */
  @Override
  public void giveBack(MappedSegment segment) {
    idle.add(segment);
  }

  @Override
  public void drop(MappedSegment segment) {
    NativeExchange.dropSegment(requireOpen(), segment.id());
  }

  @Override
  public void trim(MappedSegment segment, long from, long to) {
    NativeExchange.trimSegment(requireOpen(), segment.id(), from, to);
  }

  /** Sends the block in a lent segment. There is always room. {@link #reclaim} takes the segment back. */
  @Override
  public void sendBlock(
      MappedSegment segment, long exportId, long rows, long[] nodes, boolean reusable, AgentWait wait) {
    unstored.put(segment.id(), new Unstored(segment, exportId, reusable));
    NativeExchange.sendBlock(requireOpen(), segment.id(), exportId, rows, nodes);
  }

  @Override
  public AcceptedBlock awaitAccepted(AgentWait wait) {
    return await(wait, connection -> AcceptedBlock.of(NativeExchange.awaitAccepted(connection, wait.millis())));
  }

  /** How many blocks were sent whose segments have not been reclaimed. */
  @Override
  public int unstoredBlocks() {
    return unstored.size();
  }

  @Override
  public void reclaim(AgentWait wait) {
    long id = this.<Long>await(wait, connection -> NativeExchange.awaitAck(connection, wait.millis()));
    Unstored block = unstored.remove(id);
    if (block.reusable) {
      giveBack(block.segment);
    } else {
      drop(block.segment);
    }
  }

  @Override
  public void requestRead(
      MappedSegment segment, long dataset, int block, long fromRow, long maxRows, int[] columns, int[] selection) {
    NativeExchange.requestRead(requireOpen(), segment.id(), dataset, block, fromRow, maxRows, columns, selection);
  }

  @Override
  public ReadReply awaitRead(AgentWait wait) {
    return await(wait, connection -> ReadReply.of(NativeExchange.awaitRead(connection, wait.millis())));
  }

  /** Abandons the read into this lent segment; {@link #drain} takes its reply. */
  @Override
  public void abandonRead(MappedSegment segment) {
    abandonedReads.add(segment);
  }

  /**
   * Waits for what earlier users of this connection left in flight: replies to abandoned reads, and blocks of other
   * exports than {@code exportId}. Blocks of this export may stay in flight.
   */
  void drain(long exportId, AgentWait read, AgentWait block) {
    while (!abandonedReads.isEmpty()) {
      awaitRead(read);
      giveBack(abandonedReads.poll());
    }
    while (unstored.values().stream().anyMatch(sent -> sent.exportId != exportId)) {
      reclaim(block);
    }
  }

  @Override
  public synchronized void cancel() {
    cancelled = true;
    if (awaiting) {
      cleanable.clean();
    }
  }

  synchronized boolean isCancelled() {
    return cancelled;
  }

  /** Runs a native call that waits for an answer. If none comes in time, the error names the setting to raise. */
  private <T> T await(AgentWait wait, LongFunction<T> nativeCall) {
    try {
      return await(nativeCall);
    } catch (ExchangeException failure) {
      if (failure.code() != ExchangeErrorCode.TIMEOUT) {
        throw failure;
      }
      throw new ExchangeException(
          ExchangeErrorCode.TIMEOUT,
          failure.getMessage()
              + ". Is Ray's object store full, and spilling slow? Raise "
              + wait.setting()
              + " if so");
    }
  }

  /** Runs a native call that waits, which {@link #cancel} interrupts. */
  private <T> T await(LongFunction<T> nativeCall) {
    long connection = beginAwait();
    try {
      return nativeCall.apply(connection);
    } finally {
      endAwait();
    }
  }

  private synchronized long beginAwait() {
    if (cancelled) {
      throw new ExchangeException(ExchangeErrorCode.CANCELLED, "The task was cancelled. Agent: " + path);
    }
    awaiting = true;
    return requireOpen();
  }

  private synchronized void endAwait() {
    awaiting = false;
  }

  private long requireOpen() {
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
