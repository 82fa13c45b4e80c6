package io.raydp.lifecycle;

/**
 * The Ray actor whose process is one Spark executor.
 *
 * <p>No exception leaves a method: Ray would serialize it, and if that fails, end the process without an error. Methods
 * return what happened instead.
 */
public final class ExecutorActor {
  private final ExecutorProcess process;

  public ExecutorActor() {
    WorkerLogging.useConfiguration();
    process = new ExecutorProcess();
  }

  /** Where this process is, as bytes of {@code ExecutorPlace}. The answer tells the driver that the process runs. */
  public byte[] place() {
    return process.place();
  }

  /**
   * Runs Spark's executor until it ends.
   *
   * @param launch bytes of {@code ExecutorLaunch}
   * @return bytes of {@code ExecutorOutcome}
   */
  public byte[] run(byte[] launch) {
    return process.run(launch);
  }
}
