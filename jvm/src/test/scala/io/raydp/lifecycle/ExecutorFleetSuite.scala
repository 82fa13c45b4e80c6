package io.raydp.lifecycle

import scala.jdk.CollectionConverters._

import io.raydp.process.ExecutorOutcome
import org.scalatest.funsuite.AnyFunSuite

final class ExecutorFleetSuite extends AnyFunSuite {
  import SimulatedApplication.running

  test("the executors at the start do not wait for the AppMaster") {
    val cluster = new SimulatedFleetEffects
    cluster.mute.set(true)
    running(3, cluster) { application =>
      application.awaitRegistered(3)
      cluster.mute.set(false)
    }
  }

  test("an executor that dies is replaced by one with a new id, and Spark is told that it is not to blame") {
    running(2) { application =>
      application.awaitRegistered(2)
      application.cluster.die(1)
      application.awaitExecutor(3)
      val (id, outcome) = application.losses.take()
      assert(id == 1 && !outcome.byApplication && outcome.reason.contains("killed by the test"))
    }
  }

  test("an executor takes the place in the placement group of the one that it replaces") {
    val group = PlacementSpec("ab", Vector(4, 2, 0))
    running(3, placement = Some(group)) { application =>
      application.awaitRegistered(3)
      application.cluster.die(2)
      application.awaitExecutor(4)
      assert(application.cluster.bundles.asScala.toMap == Map(1 -> 4, 2 -> 2, 3 -> 0, 4 -> 2))
    }
  }

  test("executors that may finish their tasks are replaced meanwhile") {
    running(2) { application =>
      application.awaitRegistered(2)
      application.fleet.post(FleetEvent.Decommissioned(Seq(1)))
      application.await("executor 3")(_.executors.count(_.state == "registered") == 3)
      application.cluster.end(1)
      application.awaitRegistered(2)
      assert(application.losses.asScala.map(_._1).toVector == Vector(1))
    }
  }

  test("after an AppMaster's death another one decides, and nothing is doubled") {
    running(2) { application =>
      application.awaitDecisions(1)
      application.awaitRegistered(2)
      application.cluster.mute.set(true)
      application.cluster.die(2)
      application.await("the loss")(_.executors.exists(executor => executor.id == 2 && executor.state == "lost"))
      application.cluster.appMasters.last.die()
      application.cluster.mute.set(false)
      application.awaitRegistered(2)
      assert(application.cluster.appMasters.size >= 2)
      assert(application.cluster.requested.get == 3)
    }
  }

  test("without an AppMaster the driver decides, and the AppMaster is not restarted forever") {
    running(2) { application =>
      application.awaitDecisions(1)
      application.awaitRegistered(2)
      application.cluster.cursed.set(true)
      application.cluster.appMasters.last.die()
      application.await("the end of the restarts")(_.events.exists(_.text.contains("lost too often")))
      assert(application.cluster.appMasters.size == 1 + 3)
      application.cluster.die(1)
      application.fleet.post(FleetEvent.Desired(3))
      application.awaitRegistered(3)
      assert(application.cluster.requested.get == 4 && application.board.current.failure.isEmpty)
    }
  }

  test("an AppMaster that cannot be requested does not end the application either") {
    val cluster = new SimulatedFleetEffects
    cluster.refusing.set(true)
    running(1, cluster) { application =>
      application.await("the end of the restarts")(_.events.exists(_.text.contains("lost too often")))
      cluster.die(1)
      application.awaitExecutor(2)
      assert(cluster.appMasters.isEmpty && cluster.requested.get == 2)
    }
  }

  test("one death of the AppMaster is one loss, and its successor decides again") {
    running(1) { application =>
      (1 to 5).foreach { death =>
        application.awaitDecisions(death)
        application.cluster.appMasters.last.die()
      }
      application.awaitDecisions(6)
      assert(application.cluster.appMasters.map(_.incarnation) == (1 to 6).toVector)
      assert(application.cluster.appMasters.init.forall(_.isDead) && !application.cluster.appMasters.last.isDead)
      val before = application.cluster.decisions.get
      application.cluster.die(1)
      application.awaitExecutor(2)
      assert(application.cluster.decisions.get > before, "the AppMaster was not asked")
      assert(application.cluster.requested.get == 2)
    }
  }

  test("more executors are requested, and those that are not needed any more are withdrawn") {
    running(1, new SimulatedFleetEffects(slots = 2)) { application =>
      application.awaitRegistered(1)
      application.fleet.post(FleetEvent.Desired(5))
      application.await("5 in all")(_.executors.size == 5)
      application.fleet.post(FleetEvent.Desired(1))
      application.await("requests withdrawn")(status => status.executors.size == 2 && status.registered == 2)
    }
  }

  test("an executor that Spark has stopped and that does not end is ended") {
    running(2) { application =>
      application.awaitRegistered(2)
      application.fleet.post(FleetEvent.Desired(1))
      application.fleet.post(FleetEvent.ToldToStop(Seq(1)))
      application.await("executor 1 gone")(status => status.registered == 1)
      assert(application.cluster.ids == Set(2))
    }
  }

  test("what an executor says of its end reaches Spark, once") {
    running(1) { application =>
      application.awaitRegistered(1)
      val outcome = ExecutorOutcome(1, byApplication = true, "System.exit was called")
      application.fleet.post(FleetEvent.Ending(1, outcome))
      application.fleet.post(FleetEvent.Ended(1, Left("the actor died")))
      application.awaitExecutor(2)
      assert(application.losses.asScala.toVector == Vector((1, outcome)))
    }
  }

  test("executors that vanish again and again without any task done are blamed on the application in the end") {
    running(1) { application =>
      (1 to 5).foreach { id =>
        application.awaitExecutor(id)
        application.cluster.die(id)
      }
      application.awaitExecutor(6)
      assert(application.losses.asScala.map(_._2.byApplication).toVector == Vector(false, false, false, true, true))
      application.finished.set(1)
      application.cluster.die(6)
      application.awaitExecutor(7)
      assert(!application.losses.asScala.last._2.byApplication)
    }
  }

  private val shuffleService = Map("spark.shuffle.service.enabled" -> "true")

  test("executors join once the shuffle service of their host listens, and know its port") {
    val cluster = new SimulatedFleetEffects
    running(2, cluster, settings = shuffleService) { application =>
      application.await("two processes")(_.executors.count(_.state == "starting") == 2)
      val service = cluster.services.take()
      assert(service.host == "10.0.0.1" && cluster.launches.isEmpty)
      service.listen()
      application.awaitRegistered(2)
      assert(cluster.launches.asScala.values.map(_.properties("spark.shuffle.service.port")).toSet == Set("7001"))
      cluster.die(1)
      application.awaitRegistered(2)
      assert(cluster.services.isEmpty && application.hostsLost.isEmpty, "the service goes on")
    }
    assert(cluster.closed.get == 1)
  }

  test("with its shuffle service a host's executors and files are lost, and others come in their place") {
    val cluster = new SimulatedFleetEffects
    running(2, cluster, settings = shuffleService) { application =>
      val first = cluster.services.take()
      first.listen()
      application.awaitRegistered(2)
      first.die()
      val second = cluster.services.take()
      assert(first.killed.get && application.hostsLost.take() == "10.0.0.1")
      val losses = Vector.fill(2)(application.losses.take())
      assert(losses.map(_._1) == Vector(1, 2))
      assert(losses.forall { case (_, outcome) =>
        !outcome.byApplication && outcome.reason.contains("shuffle service")
      })
      second.listen()
      application.awaitRegistered(2)
      assert(cluster.launches.get(3).properties("spark.shuffle.service.port") == "7002")
      first.die() // a late word of the first one says nothing of the second
      application.fleet.post(FleetEvent.Desired(3))
      application.awaitRegistered(3)
      assert(!second.killed.get)
    }
    assert(cluster.services.isEmpty)
  }

  test("a shuffle service that never starts ends the application, which says why") {
    val cluster = new SimulatedFleetEffects
    running(1, cluster, settings = shuffleService) { application =>
      (1 to 3).foreach(_ => cluster.services.take().die())
      val failure = application.awaitFailure()
      assert(failure.getMessage.contains("the shuffle service of its host ended"))
    }
  }

  test("two hundred executors, half of which die, are made good, with few calls") {
    running(200) { application =>
      application.awaitRegistered(200)
      (1 to 100).foreach(application.cluster.die)
      application.await("300 ids")(status => status.registered == 200 && status.executors.exists(_.id == 300))
      assert(application.cluster.requested.get == 300)
      assert(application.cluster.decisions.get < 600)
    }
  }

  test("the benchmark counts one launch per executor and replacement") {
    val names = LifecycleBench.Columns.split(',')
    val values = names.zip(LifecycleBench.run(20).split(',')).toMap
    assert(values.keySet == names.toSet && values("executors") == "20" && values("launches") == "30")
  }

  test("a stop waits for executors that end by themselves and ends the others") {
    val cluster = new SimulatedFleetEffects
    running(2, cluster) { application =>
      application.awaitRegistered(2)
      val stopping = new Thread(() => application.fleet.stop())
      stopping.start()
      cluster.end(1)
      stopping.join(SimulatedApplication.Patience)
      assert(!stopping.isAlive)
      assert(application.board.current.phase == ApplicationPhase.Stopped)
    }
  }
}
