package io.raydp.exchange.columns;

/**
 * Signals that a row does not fit the block. It is thrown in the middle of a row, which is then rolled back. Each
 * {@link BlockSpace} has one, without a stack trace: it is control flow that happens once per block.
 */
public final class BlockFull extends RuntimeException {
  private static final long serialVersionUID = 1L;

  BlockFull() {
    super("The row does not fit the block", null, false, false);
  }
}
