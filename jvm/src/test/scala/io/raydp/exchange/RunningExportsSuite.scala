package io.raydp.exchange

import java.util.concurrent.{CompletableFuture, CountDownLatch, TimeUnit}
import java.util.concurrent.atomic.AtomicInteger

import org.scalatest.funsuite.AnyFunSuite

class RunningExportsSuite extends AnyFunSuite {

  test("an export that is cancelled before it starts never runs") {
    val exports = new RunningExports
    exports.cancel(1)(fail("there is nothing to cancel"))
    val refused = intercept[ExchangeException](exports.run(1)(fail("it ran")))
    assert(refused.code === ExchangeErrorCode.CANCELLED)
    assert(exports.run(2)("another one runs") === "another one runs")
  }

  test("an export that has not started its job yet is cancelled when it does") {
    val exports = new RunningExports
    val (planning, jobStarted, jobCancelled) = (new CountDownLatch(1), new CountDownLatch(1), new CountDownLatch(1))
    val early = new AtomicInteger
    val run = CompletableFuture.supplyAsync(() =>
      exports.run(1) {
        planning.countDown()
        while (early.get < 2) Thread.onSpinWait() // the interrupt comes while Spark plans
        jobStarted.countDown()
        jobCancelled.await(60, TimeUnit.SECONDS)
      })
    assert(planning.await(60, TimeUnit.SECONDS))
    exports.cancel(1)(if (jobStarted.getCount == 0) jobCancelled.countDown() else early.incrementAndGet())
    assert(run.get(60, TimeUnit.SECONDS), "the job was cancelled, and cancel returned after it")
  }

  test("an export that fails or ends is no longer cancelled") {
    val exports = new RunningExports
    intercept[IllegalStateException](exports.run(1)(throw new IllegalStateException("a failed job")))
    exports.cancel(1)(fail("there is nothing to cancel"))
  }
}
