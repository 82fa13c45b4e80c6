package io.raydp.exchange.columns;

import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.vectorized.ColumnarBatch;

/**
 * Writes the rows of one task as blocks into segments that its sink lends. Generated code and the interpreted path
 * follow the same protocol for every row:
 *
 * <pre>{@code
 * boolean written = false;
 * while (!written) {
 *   try {
 *     int index = writer.beginRow();
 *     // put every column at index
 *     writer.endRow();
 *     written = true;
 *   } catch (BlockFull full) {
 *     writer.makeRoom();
 *   }
 * }
 * }</pre>
 */
public final class BlockWriter {
  private final BlockSpace space;
  private final Extent rows;
  private final ColumnWriter[] columns;
  private final BlockSink sink;
  private final SegmentLayout usualLayout;

  /** Null between blocks. A task without rows never acquires one. */
  private BlockSink.Segment segment;

  public BlockWriter(StructType schema, long blockBytes, BlockSink sink) {
    this.space = new BlockSpace(blockBytes);
    this.rows = space.rows();
    this.columns = ColumnPlan.writers(space, schema);
    this.usualLayout = space.layoutFor(blockBytes);
    this.sink = sink;
  }

  public ColumnWriter column(int ordinal) {
    return columns[ordinal];
  }

  /** Returns the index at which the next row goes. */
  public int beginRow() {
    // The limit can be below the count: it may shrink to the row in progress, which counts only when it ends.
    if (rows.count >= rows.limit) {
      reserveRow();
    }
    return rows.count;
  }

  public void endRow() {
    rows.count++;
  }

  /** Writes one row without generated code. */
  public void write(InternalRow row) {
    writeRow((column, ordinal, index) -> column.write(row, ordinal, index));
  }

  /** Writes one value of a row into its column. */
  private interface ValuePut {
    void put(ColumnWriter column, int ordinal, int index);
  }

  private void writeRow(ValuePut value) {
    boolean written = false;
    while (!written) {
      try {
        int index = beginRow();
        for (int i = 0; i < columns.length; i++) {
          value.put(columns[i], i, index);
        }
        endRow();
        written = true;
      } catch (BlockFull full) {
        makeRoom();
      }
    }
  }

  /** Writes the rows of a batch column by column. */
  public void write(ColumnarBatch batch) {
    int from = 0;
    int attempt = batch.numRows();
    while (from < batch.numRows()) {
      int count = Math.min(attempt, batch.numRows() - from);
      if (count > 1) {
        int written = writeRange(batch, from, count);
        // A range that does not fit is halved, down to single rows, which always fit.
        attempt = written == 0 ? count / 2 : batch.numRows();
        from += written;
      } else {
        int row = from++;
        writeRow((column, ordinal, index) -> column.putRange(batch.column(ordinal), row, 1, index));
      }
    }
  }

  /** Writes up to {@code count} rows and returns how many: none when they did not fit what was left of the block. */
  private int writeRange(ColumnarBatch batch, int from, int count) {
    int index = openRow();
    int end = Math.min(index + count, rows.limit);
    rows.count = end;
    try {
      for (int i = 0; i < columns.length; i++) {
        columns[i].putRange(batch.column(i), from, end - index, index);
      }
      return end - index;
    } catch (BlockFull full) {
      rows.count = index;
      rollBack(index, end);
      if (index > 0) {
        flush();
      }
      return 0;
    }
  }

  private int openRow() {
    while (true) {
      try {
        return beginRow();
      } catch (BlockFull full) {
        makeRoom();
      }
    }
  }

  private void rollBack(int from, int to) {
    for (ColumnWriter column : columns) {
      column.rollBack(from, to);
    }
  }

  /** After {@link BlockFull}: rolls the current row back and begins a block that it fits. */
  public void makeRoom() {
    int row = rows.count;
    if (row == 0) {
      SegmentLayout larger = space.enlarged();
      sink.discard(segment);
      begin(larger);
    } else {
      rollBack(row, row + 1);
      flush();
    }
  }

  /** Sends the last block. */
  public void finish() {
    if (rows.count > 0) {
      flush();
    }
  }

  private void reserveRow() {
    if (segment == null) {
      begin(usualLayout);
    }
    if (rows.count >= rows.limit) {
      space.reserve(rows, 1);
    }
  }

  private void begin(SegmentLayout layout) {
    segment = sink.acquire(layout.segmentBytes());
    space.begin(layout);
    for (ColumnWriter column : columns) {
      column.bind(segment.address());
    }
  }

  private void flush() {
    NodeList nodes = new NodeList();
    for (ColumnWriter column : columns) {
      column.describe(nodes);
    }
    ByteRanges touched = new ByteRanges();
    space.collectTouched(touched);
    BlockSink.Segment filled = segment;
    segment = null;
    int count = rows.count;
    rows.count = 0;
    rows.limit = 0;
    sink.send(filled, count, nodes.toArray(), touched);
  }
}
