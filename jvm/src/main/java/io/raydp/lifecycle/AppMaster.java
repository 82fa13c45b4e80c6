package io.raydp.lifecycle;

import java.util.concurrent.CountDownLatch;

/**
 * The Ray actor that decides about an application's executors.
 *
 * <p>It has no state: each call brings the whole snapshot, and another AppMaster can answer the next call. The driver JVM
 * carries out the decisions, because Ray ends what a dead actor owns: executors owned by the AppMaster would die with
 * it, and a running job with them.
 *
 * <p>Its class path is our jar, Scala's library and Ray's jar. It must not use a class of Spark.
 */
public final class AppMaster {
  private final CountDownLatch never = new CountDownLatch(1);

  public AppMaster() {
    WorkerLogging.useConfiguration();
  }

  /** Takes a snapshot and returns the decision about it, both as bytes ({@code AppMasterCall}). Never throws: an exception would end the actor's process. */
  public byte[] decide(byte[] snapshot) {
    return AppMasterCall.answer(snapshot);
  }

  /** Never returns. When this call fails, the driver knows that the AppMaster is gone. */
  public byte[] end() {
    try {
      never.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return new byte[0];
  }
}
