package io.raydp.lifecycle;

import java.util.concurrent.CountDownLatch;

/**
 * The Ray actor that decides about an application's executors.
 *
 * <p>It holds no state: each call brings the whole snapshot, so that another AppMaster may answer the next one. The
 * driver's JVM performs what is decided, because Ray ends what a dead actor owns: executors that the AppMaster owned
 * would die with it, and a running job with them.
 *
 * <p>Its class path is our jar, Scala's library and Ray's jar; it must not use a class of Spark.
 */
public final class AppMaster {
  private final CountDownLatch never = new CountDownLatch(1);

  /** Bytes of {@code SnapshotCodec} both ways. Never throws: an exception would end the actor's process. */
  public byte[] decide(byte[] snapshot) {
    return AppMasterCall.answer(snapshot);
  }

  /** Does not return: the failure of this call tells the driver that the AppMaster is gone. */
  public byte[] end() {
    try {
      never.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return new byte[0];
  }
}
