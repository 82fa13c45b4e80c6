package io.raydp.lifecycle

import java.util.concurrent.{LinkedBlockingQueue, ScheduledThreadPoolExecutor, TimeUnit}

import scala.reflect.ClassTag

import org.scalatest.funsuite.AnyFunSuite

final class AppMasterClientSuite extends AnyFunSuite {
  import AppMasterClient.Answer

  private val policy = SamplePolicies.quick.copy(maxConsecutiveFailures = 2)
  private val fleet = FleetSnapshot.initial(0, 2, None, policy)

  private final class Client {
    val effects = new SimulatedFleetEffects
    private val calls = new ScheduledThreadPoolExecutor(2)
    private val events = new LinkedBlockingQueue[FleetEvent]
    val client = new AppMasterClient(effects, policy, calls, events.put(_))

    def next[E <: FleetEvent](implicit kind: ClassTag[E]): E =
      Iterator.continually(Option(events.poll(30, TimeUnit.SECONDS))).map(_.get).collectFirst { case event: E =>
        event
      }.get
    def lost(incarnation: Int): Option[String] = client.lost(incarnation, "killed by the test", fleet)
    def loseStarting(): Unit = {
      effects.appMasters.last.die()
      assert(lost(effects.appMasters.last.incarnation).isDefined)
    }
    def close(): Unit = {
      client.close()
      calls.shutdownNow()
      ()
    }
  }

  private def started(test: Client => Unit): Unit = {
    val client = new Client
    client.client.start(fleet)
    try test(client)
    finally client.close()
  }

  test("the driver decides until the AppMaster answers") {
    started { it =>
      assert(it.client.decide(fleet).contains(Reconciler.decide(fleet)))
      assert(it.client.answered(it.next[FleetEvent.Decided].incarnation) == Answer.First)
      assert(it.client.decide(fleet).isEmpty && it.client.isDeciding)
      assert(it.client.decide(fleet).isEmpty, "one decision at a time")
      assert(it.next[FleetEvent.Decided] == FleetEvent.Decided(1, Reconciler.decide(fleet)))
      assert(it.client.answered(1) == Answer.Current && !it.client.isDeciding)
      assert(it.effects.decisions.get == 2)
    }
  }

  test("the driver decides while the AppMaster is replaced") {
    started { it =>
      it.client.answered(it.next[FleetEvent.Decided].incarnation)
      it.client.decide(fleet)
      assert(it.lost(1).isDefined && !it.client.isDeciding)
      assert(it.client.decide(fleet).isDefined)
      assert(it.client.answered(1) == Answer.Outdated, "the answer of the one that was lost")
      assert(it.client.decide(fleet).isDefined)
      assert(it.client.answered(2) == Answer.First && it.client.decide(fleet).isEmpty)
    }
  }

  test("reports about an earlier incarnation, and repeated ones, are ignored") {
    started { it =>
      assert(it.lost(1).isDefined && it.lost(1).isEmpty)
      assert(it.effects.appMasters.map(_.incarnation) == Vector(1, 2))
      it.client.replace(1, fleet)
      assert(it.effects.appMasters.size == 2 && it.effects.appMasters.head.isDead)
      it.client.answered(2)
      assert(it.lost(1).isEmpty && it.client.decide(fleet).isEmpty, "the second one decides")
      assert(it.lost(3).isEmpty)
    }
  }

  test("restarts pause, and end after too many in a row") {
    started { it =>
      it.loseStarting()
      it.loseStarting()
      assert(it.effects.appMasters.size == 2, "the third one comes after a pause")
      it.client.replace(it.next[FleetEvent.AppMasterDue].lost, fleet)
      assert(it.effects.appMasters.size == 3)
      it.loseStarting()
      it.client.replace(2, fleet)
      assert(it.effects.appMasters.size == 3)
      assert(it.client.decide(fleet).isDefined)
    }
  }

  test("an answer ends the count of losses") {
    started { it =>
      (1 to 10).foreach { incarnation =>
        it.client.answered(incarnation)
        assert(it.lost(incarnation).isDefined)
      }
      assert(it.effects.appMasters.size == 11)
    }
  }

  test("after the end none is started") {
    started { it =>
      it.client.close()
      assert(it.effects.appMasters.head.isDead)
      assert(it.lost(1).isEmpty)
      it.client.replace(1, fleet)
      assert(it.effects.appMasters.size == 1)
    }
  }
}
