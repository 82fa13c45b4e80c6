package io.raydp.lifecycle

import java.util.concurrent.{ConcurrentHashMap, CountDownLatch, LinkedBlockingQueue, TimeUnit}
import java.util.concurrent.atomic.{AtomicBoolean, AtomicInteger}

import scala.jdk.CollectionConverters._

import io.raydp.process.{Encoding, ExecutorLaunch, ExecutorOutcome, ExecutorPlace, ShuffleServiceLaunch}

/**
 * Takes the place of Ray: actors are entries in a table, and a test says what happens to them. Everything on this side
 * of Ray, including the AppMaster's decision, is real.
 */
private[lifecycle] final class SimulatedFleetEffects(slots: Int = Int.MaxValue) extends FleetEffects {
  final class Executor(val id: Int, val post: FleetEvent => Unit) extends RemoteExecutor {
    val killed = new AtomicBoolean
    val started = new AtomicBoolean
    override def start(launch: ExecutorLaunch): Unit = {
      onCall("start an executor")
      started.set(true)
      launches.put(id, launch)
      SimulatedFleetEffects.this.join(this)
    }
    override def kill(): Unit = {
      killed.set(true)
      living.remove(id)
      onCall("kill an executor")
    }
  }

  final class AppMaster(val incarnation: Int, val post: FleetEvent => Unit) extends RemoteAppMaster {
    private val dead = new CountDownLatch(1)
    override def decide(snapshot: FleetSnapshot, timeoutMillis: Long): Decision = {
      decisions.incrementAndGet()
      while (mute.get) {
        if (dead.await(10, TimeUnit.MILLISECONDS)) throw new RemoteCallException("it died", new RuntimeException)
      }
      if (dead.getCount == 0) throw new RemoteCallException("it is dead", new RuntimeException)
      AppMasterCall.result(AppMasterCall.answer(Encoding.encode(snapshot)))
    }
    override def kill(): Unit = {
      dead.countDown()
      onCall("kill an AppMaster")
    }

    /** Like Ray, reports the death for each call that waits: a decision, which reports itself, and the call of its end. */
    def die(): Unit = {
      dead.countDown()
      post(FleetEvent.AppMasterLost(incarnation, "killed by the test"))
      post(FleetEvent.AppMasterLost(incarnation, "killed by the test"))
    }
    def isDead: Boolean = dead.getCount == 0
  }

  final class ShuffleService(val number: Int, val host: String, post: FleetEvent => Unit) extends RemoteShuffleService {
    val killed = new AtomicBoolean
    override def kill(): Unit = {
      killed.set(true)
      onCall("kill a service")
    }
    def listen(): Unit = post(FleetEvent.ShuffleServiceReady(number, SimulatedFleetEffects.ServicePort + number))
    def die(): Unit = post(FleetEvent.ShuffleServiceLost(number, "killed by the test"))
  }

  val living = new ConcurrentHashMap[Int, Executor]
  val launches = new ConcurrentHashMap[Int, ExecutorLaunch]
  val services = new LinkedBlockingQueue[ShuffleService]
  val bundles = new ConcurrentHashMap[Int, Int]
  val requested = new AtomicInteger
  val decisions = new AtomicInteger
  val closed = new AtomicInteger

  /** While set, AppMasters do not answer. */
  val mute = new AtomicBoolean

  /** Whether placement groups have all their bundles. */
  val reserved = new AtomicBoolean(true)

  /** While set, no AppMaster can be requested. */
  val refusing = new AtomicBoolean

  /** While set, AppMasters die as soon as they are started. */
  val cursed = new AtomicBoolean
  @volatile var appMasters: Vector[AppMaster] = Vector.empty
  @volatile var joined: FleetEvent => Unit = _ => ()

  /** Runs at each call to Ray, with what it does. If it throws, the call fails. */
  @volatile var onCall: String => Unit = _ => ()

  def ids: Set[Int] = living.keySet.asScala.toSet

  override def connect(): Unit = onCall("connect")
  override def nodes(): Vector[NodeResources] = {
    onCall("look up nodes")
    Vector(NodeResources("ab", "10.0.0.1", Map("CPU" -> 1e6, "memory" -> 1e18)))
  }
  override def isReserved(groupId: String): Boolean = reserved.get
  override def hasCapacity(demand: Map[String, Double]): Boolean = living.size < slots

  override def launch(id: Int, bundle: Option[Int], post: FleetEvent => Unit): RemoteExecutor = {
    bundle.foreach(bundles.put(id, _))
    onCall("launch an executor")
    requested.incrementAndGet()
    val executor = new Executor(id, post)
    living.put(id, executor)
    if (living.size <= slots) post(FleetEvent.ProcessStarted(id, ExecutorPlace("ab", "10.0.0.1", id.toLong, 0, "")))
    executor
  }

  override def startAppMaster(incarnation: Int, post: FleetEvent => Unit): RemoteAppMaster = {
    // Like Ray, reports some deaths late, when a successor has started.
    appMasters.filter(_.isDead).foreach(old => post(FleetEvent.AppMasterLost(old.incarnation, "reported late")))
    if (refusing.get) throw new IllegalStateException("Ray takes no request")
    val started = new AppMaster(incarnation, post)
    appMasters = appMasters :+ started
    if (cursed.get) started.die()
    started
  }

  override def startShuffleService(
      number: Int,
      host: String,
      service: ShuffleServiceSpec,
      launch: ShuffleServiceLaunch,
      post: FleetEvent => Unit): RemoteShuffleService = {
    onCall("start a service")
    val started = new ShuffleService(number, host, post)
    services.put(started)
    started
  }

  override def close(): Unit = closed.incrementAndGet()

  def die(id: Int): Unit = Option(living.remove(id)).foreach(_.post(FleetEvent.Ended(id, Left("killed by the test"))))

  def end(id: Int): Unit =
    Option(living.remove(id)).foreach(_.post(FleetEvent.Ended(
      id,
      Right(ExecutorOutcome(0, byApplication = false, "stopped")))))

  private def join(executor: Executor): Unit =
    if (living.size <= slots) executor.post(FleetEvent.Registered(executor.id))
}

private[lifecycle] object SimulatedFleetEffects {
  val ServicePort = 7000
}
