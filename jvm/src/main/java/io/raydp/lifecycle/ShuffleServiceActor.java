package io.raydp.lifecycle;

import java.util.concurrent.CountDownLatch;

/**
 * The Ray actor whose process serves the shuffle files of one application on one node.
 *
 * <p>No exception leaves a method, for the reason given in {@link ExecutorActor}.
 */
public final class ShuffleServiceActor {
  private final ShuffleServiceProcess process;
  private final CountDownLatch never = new CountDownLatch(1);

  public ShuffleServiceActor() {
    WorkerLogging.useConfiguration();
    process = new ShuffleServiceProcess();
  }

  /**
   * Starts the service.
   *
   * @param launch bytes of {@code ShuffleServiceLaunch}
   * @return bytes of {@code ShuffleServiceAnswer}
   */
  public byte[] start(byte[] launch) {
    return process.start(launch);
  }

  /** Never returns. When this call fails, the driver knows that the service is gone. */
  public byte[] end() {
    try {
      never.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return new byte[0];
  }
}
