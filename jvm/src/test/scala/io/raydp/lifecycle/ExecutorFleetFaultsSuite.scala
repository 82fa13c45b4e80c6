package io.raydp.lifecycle

import java.util.concurrent.atomic.AtomicInteger

import scala.jdk.CollectionConverters._

import org.scalatest.funsuite.AnyFunSuite

/** Calls that throw. [[SimulatedApplication.running]] checks each time that the end has run. */
final class ExecutorFleetFaultsSuite extends AnyFunSuite {
  import SimulatedApplication.running

  private val shuffleService = Map("spark.shuffle.service.enabled" -> "true")

  /** Throws at the first so many calls of this kind. */
  private def failing(kind: String, error: => Throwable, times: Int = Int.MaxValue): String => Unit = {
    val calls = new AtomicInteger
    call => if (call == kind && calls.incrementAndGet() <= times) throw error
  }

  private def broken = new IllegalStateException("broken by the test")

  private def clusterFailing(kind: String, error: => Throwable, times: Int = Int.MaxValue): SimulatedFleetEffects = {
    val cluster = new SimulatedFleetEffects
    cluster.onCall = failing(kind, error, times)
    cluster
  }

  Vector("launch an executor", "start an executor").foreach { call =>
    test(s"a call to $call that throws is a failed start: another executor is requested") {
      running(2, clusterFailing(call, broken, times = 2)) { application =>
        application.awaitRegistered(2)
        assert(application.cluster.ids == Set(3, 4))
        assert(application.board.current.failure.isEmpty)
      }
    }

    test(s"calls to $call that always throw fail the application, which says why") {
      running(1, clusterFailing(call, new UnsatisfiedLinkError("broken by the test"))) { application =>
        val failure = application.awaitFailure()
        assert(failure.failure == FailureKind.StartFailed && failure.getMessage.contains("broken by the test"))
      }
    }
  }

  test("a shuffle service that cannot be requested is lost, and another one is requested") {
    val cluster = clusterFailing("start a service", broken, times = 1)
    running(1, cluster, settings = shuffleService) { application =>
      cluster.services.take().listen()
      application.awaitRegistered(1)
      assert(application.hostsLost.asScala.toVector == Vector("10.0.0.1"))
    }
  }

  test("a scheduler that throws keeps nothing from being done") {
    val cluster = new SimulatedFleetEffects
    running(2, cluster, settings = shuffleService) { application =>
      application.onCall = failing("executorLost", broken)
      val first = cluster.services.take()
      first.listen()
      application.awaitRegistered(2)
      first.die()
      cluster.services.take().listen()
      application.awaitRegistered(2)
      assert(cluster.ids == Set(3, 4) && application.hostsLost.asScala.toVector == Vector("10.0.0.1"))
    }
  }

  test("a scheduler without settings for executors makes their start fail") {
    val cluster = new SimulatedFleetEffects
    val application = new SimulatedApplication(1, cluster, None, Map.empty)
    application.onCall = failing("executorProperties", broken)
    application.begin()
    assert(application.awaitFailure().getMessage.contains("broken by the test"))
    application.fleet.stop()
    assert(cluster.living.isEmpty && cluster.closed.get == 1)
  }

  Vector("kill an executor", "kill an AppMaster", "kill a service").foreach { call =>
    test(s"when calls to $call throw, everything else still ends") {
      val cluster = new SimulatedFleetEffects
      running(2, cluster, settings = shuffleService) { application =>
        cluster.services.take().listen()
        application.awaitRegistered(2)
        cluster.onCall = failing(call, broken)
        application.fleet.post(FleetEvent.Desired(1))
        application.fleet.post(FleetEvent.ToldToStop(Seq(1)))
        application.awaitRegistered(1)
      }
      assert(cluster.closed.get == 1)
    }
  }

  test("what goes wrong at the beginning is told for what it is") {
    running(1, clusterFailing("connect", new IllegalStateException("This Ray does not fit"))) { application =>
      val failure = application.awaitFailure()
      assert(failure.failure == FailureKind.Internal && failure.getMessage.contains("This Ray does not fit"))
      assert(!failure.getMessage.contains("Ray cannot be reached"))
    }
    val unreachable = new RayApplicationException(FailureKind.RayUnreachable, LifecycleMessages.unreachable("a", "b"))
    running(1, clusterFailing("connect", unreachable)) { application =>
      assert(application.awaitFailure() eq unreachable)
    }
  }

  test("an error that ends the fleet's thread fails the application, and the end runs") {
    running(1, clusterFailing("launch an executor", new OutOfMemoryError("broken by the test"))) { application =>
      val failure = application.awaitFailure()
      assert(failure.failure == FailureKind.Internal && failure.getMessage.contains("broken by the test"))
    }
  }
}
