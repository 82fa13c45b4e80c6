package io.raydp.exchange.columns;

import java.util.Map;
import java.util.TreeMap;

/** A set of disjoint half-open byte ranges: which parts of a sparse segment have physical pages. */
public final class ByteRanges {
  /** Receives the ranges of {@link #forEachOutside}. */
  public interface RangeConsumer {
    void accept(long from, long to);
  }

  private final TreeMap<Long, Long> ends = new TreeMap<>();

  /** Adds {@code [from, to)}; an empty range adds nothing. */
  public void add(long from, long to) {
    if (to <= from) {
      return;
    }
    long start = from;
    long end = to;
    Map.Entry<Long, Long> before = ends.floorEntry(from);
    if (before != null && before.getValue() >= from) {
      start = before.getKey();
      end = Math.max(end, before.getValue());
    }
    for (var next = ends.ceilingEntry(start); next != null && next.getKey() <= end; next = ends.ceilingEntry(start)) {
      end = Math.max(end, next.getValue());
      ends.remove(next.getKey());
    }
    ends.put(start, end);
  }

  public void addAll(ByteRanges other) {
    other.ends.forEach(this::add);
  }

  public long totalBytes() {
    long total = 0;
    for (var range : ends.entrySet()) {
      total += range.getValue() - range.getKey();
    }
    return total;
  }

  /** Passes on the parts of these ranges that {@code kept} does not touch, rounded inwards to whole pages. */
  public void forEachOutside(ByteRanges kept, long pageBytes, RangeConsumer consumer) {
    for (var range : ends.entrySet()) {
      long from = range.getKey();
      long end = range.getValue();
      Map.Entry<Long, Long> first = kept.ends.floorEntry(from);
      if (first != null && first.getValue() > from) {
        from = Math.min(end, first.getValue());
      }
      for (var keep : kept.ends.subMap(from, true, end, false).entrySet()) {
        emitPages(from, keep.getKey(), pageBytes, consumer);
        from = Math.min(end, keep.getValue());
      }
      emitPages(from, end, pageBytes, consumer);
    }
  }

  private static void emitPages(long from, long to, long pageBytes, RangeConsumer consumer) {
    long first = (from + pageBytes - 1) / pageBytes * pageBytes;
    long last = to / pageBytes * pageBytes;
    if (last > first) {
      consumer.accept(first, last);
    }
  }

  @Override
  public String toString() {
    return ends.toString();
  }
}
