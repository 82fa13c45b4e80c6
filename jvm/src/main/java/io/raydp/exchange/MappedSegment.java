package io.raydp.exchange;

import io.raydp.exchange.columns.BlockSink;
import io.raydp.exchange.columns.ByteRanges;

/** A shared memory segment, mapped here and by the agent until it is dropped or its connection closes. */
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

  ByteRanges touched() {
    return touched;
  }

  void setTouched(ByteRanges ranges) {
    touched = ranges;
  }
}
