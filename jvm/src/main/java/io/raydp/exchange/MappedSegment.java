package io.raydp.exchange;

import io.raydp.exchange.columns.BlockSink;
import io.raydp.exchange.columns.ByteRanges;
import org.apache.spark.unsafe.Platform;

/**
 * A segment: shared memory, mapped here and by the agent until it is dropped or its connection closes, or memory of this
 * process, until its {@code RelayedChannel} frees it.
 */
public final class MappedSegment implements BlockSink.Segment {
  private final long id;
  private final long size;
  private final long address;

  /** The parts of this sparse segment that have physical pages. */
  private ByteRanges touched = new ByteRanges();

  MappedSegment(long id, long size, long address) {
    this.id = id;
    this.size = size;
    this.address = address;
  }

  long id() {
    return id;
  }

  /** Virtual size in bytes. */
  public long size() {
    return size;
  }

  @Override
  public long address() {
    return address;
  }

  /** Copies bytes out of the segment. */
  void read(long offset, byte[] into, int at, int length) {
    Platform.copyMemory(null, address + offset, into, Platform.BYTE_ARRAY_OFFSET + at, length);
  }

  /** Copies bytes into the segment. */
  void write(long offset, byte[] from, int at, int length) {
    Platform.copyMemory(from, Platform.BYTE_ARRAY_OFFSET + at, null, address + offset, length);
  }

  ByteRanges touched() {
    return touched;
  }

  void setTouched(ByteRanges ranges) {
    touched = ranges;
  }
}
