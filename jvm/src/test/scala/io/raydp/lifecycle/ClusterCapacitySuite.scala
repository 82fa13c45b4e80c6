package io.raydp.lifecycle

import java.util.concurrent.{CountDownLatch, LinkedBlockingQueue, ScheduledThreadPoolExecutor, TimeUnit}

import org.scalatest.funsuite.AnyFunSuite

final class ClusterCapacitySuite extends AnyFunSuite {
  private def executor(demand: Map[String, Double]) = ExecutorSpec(1, demand, Vector.empty, "", Map.empty, None)
  private val demand = Map("CPU" -> 2.0)
  private val policy = SamplePolicies.quick

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
    val capacity = new ClusterCapacity(cluster, executor(Map.empty), calls, events.put)
    val waiting = FleetSnapshot.initial(0, 1, None, policy).launched
    def watch(seconds: Range): Unit =
      seconds.foreach(second => capacity.watch(waiting.at(second * 1000L), tells = false))
    try {
      watch(0 to 600)
      assert(looked.take() == "look up nodes" && calls.getQueue.isEmpty && calls.getActiveCount == 1)
      answer.countDown()
      assert(events.poll(30, TimeUnit.SECONDS).isInstanceOf[FleetEvent.NodesSeen])
      Iterator.from(601).takeWhile { second =>
        capacity.watch(waiting.at(second * 1000L), tells = false)
        Option(events.poll(10, TimeUnit.MILLISECONDS)).isEmpty
      }.take(3000).foreach(_ => ())
      assert(looked.take() == "look up nodes", "after an answer, they are looked up again")
    } finally {
      answer.countDown()
      calls.shutdownNow()
    }
  }

  test("executors count as waiting at once if no node could hold one, and otherwise once a start would be over") {
    val calls = new ScheduledThreadPoolExecutor(1)
    val capacity = new ClusterCapacity(new SimulatedFleetEffects, executor(demand), calls, _ => ())
    try {
      val fleet = FleetSnapshot.initial(0, 3, Some(demand), policy).launched.launched.launched
      assert(capacity.waiting(fleet.at(2999)).isEmpty)
      val node = NodeResources("ab", "10.0.0.1", demand)
      val partial = fleet.processStarted(1).registered(1).at(3000).seeing(Vector(node))
      val waiting = capacity.waiting(partial).get
      assert((waiting.ids, waiting.running, waiting.desired) == ((Vector(2, 3), 1, 3)))
      assert(!waiting.isInfeasible && waiting.demand == demand)
      assert(capacity.waiting(partial.at(9000)).contains(waiting), "it tells only what changes")
      val small = fleet.at(1000).seeing(Vector(node.copy(total = Map("CPU" -> 1.0))))
      assert(capacity.waiting(small).exists(one => one.isInfeasible && one.ids == Vector(1, 2, 3)))
      assert(capacity.waiting(small.processStarted(1).processStarted(2).processStarted(3)).isEmpty)
    } finally calls.shutdownNow()
  }
}
