package io.raydp.lifecycle

import java.util.concurrent.{CountDownLatch, LinkedBlockingQueue, ScheduledThreadPoolExecutor, TimeUnit}

import org.scalatest.funsuite.AnyFunSuite

final class ClusterCapacitySuite extends AnyFunSuite {
  private val policy = FleetPolicy(startTimeout = 60000, infeasibleTimeout = 60000, maxConsecutiveFailures = 3)

  test("while Ray does not answer, look-ups of the nodes do not pile up") {
    val calls = new ScheduledThreadPoolExecutor(3)
    val events = new LinkedBlockingQueue[FleetEvent]
    val looked = new LinkedBlockingQueue[String]
    val answer = new CountDownLatch(1)
    val cluster = new SimulatedFleetEffects
    cluster.onCall = call => {
      looked.put(call)
      answer.await()
    }
    val capacity = new ClusterCapacity(cluster, Map.empty, calls, events.put)
    val waiting = FleetSnapshot.initial(0, 1, None, policy).launched
    def watch(seconds: Range): Unit = seconds.foreach(second => capacity.watch(waiting.at(second * 1000L)))
    try {
      watch(0 to 600)
      assert(looked.take() == "look up nodes" && calls.getQueue.isEmpty && calls.getActiveCount == 1)
      answer.countDown()
      assert(events.poll(30, TimeUnit.SECONDS).isInstanceOf[FleetEvent.NodesSeen])
      Iterator.from(601).takeWhile { second =>
        capacity.watch(waiting.at(second * 1000L))
        Option(events.poll(10, TimeUnit.MILLISECONDS)).isEmpty
      }.take(3000).foreach(_ => ())
      assert(looked.take() == "look up nodes", "after an answer, they are looked up again")
    } finally {
      answer.countDown()
      calls.shutdownNow()
    }
  }
}
