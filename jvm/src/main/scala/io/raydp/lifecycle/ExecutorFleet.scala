package io.raydp.lifecycle

import java.util.concurrent.{CountDownLatch, LinkedBlockingQueue, ScheduledThreadPoolExecutor, TimeUnit}
import java.util.concurrent.ThreadPoolExecutor.DiscardPolicy

import io.raydp.metrics.MetricBoard
import io.raydp.process.{ExecutorOutcome, FolderGuard}
import org.apache.spark.raydp.{DriverScheduler, ExecutorProvider, ExecutorTotals}
import org.slf4j.LoggerFactory

/**
 * The executors of one application, as seen from the driver, which owns their actors.
 *
 * One thread handles the events in turn and keeps the snapshot. It asks the AppMaster what to do and carries that out.
 * The driver decides itself while no AppMaster answers, as at the start: waiting for the AppMaster's process would cost
 * the user a second.
 *
 * The driver owns the executors, and not the AppMaster, because Ray ends what a dead actor owns. So the AppMaster's death
 * does not affect a running job.
 */
private[lifecycle] final class ExecutorFleet(val spec: ApplicationSpec, effects: FleetEffects, val board: StatusBoard)
    extends ExecutorProvider {
  import ExecutorFleet._
  import FleetEvent._

  private val log = LoggerFactory.getLogger(classOf[ExecutorFleet])
  private val isolated = new Isolation(log)
  private val events = new LinkedBlockingQueue[FleetEvent]
  private val ended = new CountDownLatch(1)
  private val thread = new Thread(() => run(), "raydp-fleet")
  private val startedAt = clock()
  @volatile private var scheduler: Option[DriverScheduler] = None

  /** Whether as many executors registered as the start of the context waits for. */
  @volatile private var isReady = false

  /** Whether another process tells the user which executors wait for resources. */
  @volatile var isFollowed = false

  /** Calls to Ray that block. One thread for decisions, the others for what takes longer. */
  private val calls = new ScheduledThreadPoolExecutor(CallThreads, daemon(_), new DiscardPolicy)

  // Only the fleet's thread uses these, except for reading `snapshot`.
  private val appMaster = new AppMasterClient(effects, spec.policy, calls, post)
  private val capacity = new ClusterCapacity(effects, spec.executor, calls, post)
  private val members = new FleetMembers(spec, effects, post)
  @volatile private var snapshot = FleetSnapshot.initial(
    clock(),
    spec.initialExecutors,
    Option.when(spec.executor.placement.isEmpty)(spec.executor.demand),
    spec.policy)
  private var undecided = true
  private var wakeAt: Option[Long] = None
  private var servicesDue: Option[Long] = None

  override lazy val folders: FolderGuard = FolderGuard.start()
  override val metrics: MetricBoard = new MetricBoard

  override def applicationId: String = spec.id
  override def coresPerExecutor: Int = spec.executor.cores
  override def totals: ExecutorTotals = board.current.totals
  override def setDesired(count: Int): Unit = post(Desired(count))
  override def toldToStop(ids: Seq[Int]): Unit = post(ToldToStop(ids))
  override def decommissioned(ids: Seq[Int]): Unit = post(Decommissioned(ids))
  override def expects(id: Int): Boolean = snapshot.executor(id).exists(_.departure.isEmpty)
  override def registered(id: Int): Unit = post(Registered(id))
  override def ending(id: Int, outcome: ExecutorOutcome): Unit = post(Ending(id, outcome))
  override def disconnected(id: Int): Unit = post(Disconnected(id))

  override def attach(attached: DriverScheduler, desired: Int): Unit = {
    scheduler = Some(attached)
    post(Attached(attached, desired))
    board.throwFailure()
  }

  override def awaitRegistered(count: Int, patienceMillis: Long): Boolean = {
    val enough = if (clock() - startedAt < patienceMillis) count else math.min(1, count)
    val seen = board.await(RegistrationMillis)(status => status.failure.isDefined || status.registered >= enough)
    board.throwFailure()
    if (seen.registered >= enough) isReady = true
    seen.registered >= enough
  }

  /** Changes the number of executors on the user's request. Returns at once. */
  def resize(count: Int): Unit = {
    board.throwFailure()
    scheduler
      .getOrElse(throw new RayApplicationException(FailureKind.Stopped, LifecycleMessages.nothingToResize))
      .resize(count)
  }

  def start(): Unit = {
    thread.setDaemon(true)
    thread.start()
  }

  def post(event: FleetEvent): Unit = events.put(event)

  override def stop(): Unit = {
    post(Stop)
    if (!ended.await(StopMillis, TimeUnit.MILLISECONDS)) {
      log.warn(s"The application did not end within ${StopMillis / 1000} s: ${board.current.executors}")
    }
  }

  /** Whatever happens, the end runs: without it, actors stay, and the next application of this JVM finds Ray in use. */
  private def run(): Unit =
    try if (begin()) handleEvents() else awaitStop()
    catch { case error: Throwable => fail(internal(error)) }
    finally
      try end()
      finally ended.countDown()

  /** @return whether the application started; if not, it has failed */
  private def begin(): Boolean =
    try {
      val options = JavaOptionsCheck.start(spec)
      effects.connect()
      options.foreach(_.await())
      board.happened("joined Ray")
      snapshot = snapshot.at(clock())
      appMaster.start(snapshot)
      decide()
      board.update(_.copy(phase = ApplicationPhase.Starting))
      publish()
      true
    } catch {
      case error: RayApplicationException => fail(error); false
      case Isolation.Failure(error) => fail(internal(error)); false
    }

  private def internal(error: Throwable): RayApplicationException = {
    log.error("The application cannot continue", error)
    new RayApplicationException(FailureKind.Internal, LifecycleMessages.internal(error), Some(error))
  }

  private def awaitStop(): Unit = while (events.take() != Stop) {}

  private def handleEvents(): Unit = {
    var going = true
    while (going) {
      val first = Option(events.poll(sleepMillis, TimeUnit.MILLISECONDS))
      val batch = first.toVector ++ Iterator.continually(Option(events.poll())).takeWhile(_.isDefined).flatten
      val before = snapshot
      snapshot = snapshot.at(clock())
      batch.foreach(event => isolated(s"The event $event could not be handled")(handle(event)))
      undecided = undecided || snapshot != before.at(snapshot.now)
      going = !batch.contains(Stop)
      if (going) {
        isolated("The cluster's capacity could not be watched")(capacity.watch(snapshot, tells = !isFollowed))
        isolated("Shuffle services could not be released")(releaseServices())
        decide()
        publish()
      }
    }
  }

  private def sleepMillis: Long = {
    val deciding = appMaster.isDeciding || board.current.failure.isDefined
    if (undecided && !deciding) 0
    else {
      val next = (if (deciding) None else wakeAt) ++ capacity.dueAt ++ servicesDue
      next.minOption.fold(IdleMillis)(at => math.max(1, at - clock()))
    }
  }

  private def handle(event: FleetEvent): Unit = event match {
    case Attached(attached, desired) =>
      members.attach(attached)
      snapshot = snapshot.desiring(desired)
      board.happened("executors can join the driver's scheduler")
    case Desired(count) => snapshot = snapshot.desiring(count)
    case ToldToStop(ids) => snapshot = ids.foldLeft(snapshot)(_.mustLeave(_, intended = true))
    case Decommissioned(ids) =>
      snapshot = ids.foldLeft(snapshot)(_.leaving(_))
      ids.filter(snapshot.contains).foreach(id => board.happened(s"executor $id gets no more tasks"))
    case ProcessStarted(id, place) if snapshot.contains(id) =>
      members.processStarted(id, place)
      snapshot = snapshot.processStarted(id)
      board.happened(s"executor $id has a process on $place")
    case Registered(id) if snapshot.contains(id) =>
      snapshot = snapshot.registered(id)
      board.happened(s"executor $id registered")
    case Disconnected(id) => snapshot = snapshot.mustLeave(id, intended = false)
    case Ending(id, outcome) => lostWithReport(id, outcome)
    case Ended(id, Right(outcome)) => lostWithReport(id, outcome)
    case Ended(id, Left(description)) => lostSilently(id, description)
    case Decided(incarnation, decision) => answered(incarnation, decision)
    case AppMasterLost(incarnation, reason) =>
      appMaster.lost(incarnation, reason, snapshot).foreach { news =>
        board.happened(news)
        undecided = true // a decision that was under way never comes
      }
    case AppMasterDue(lost) => appMaster.replace(lost, snapshot)
    case CapacityChecked(id, available) =>
      val fault = LifecycleMessages.noProcess(id, spec.policy.startTimeout, LifecycleMessages.capacityOnCluster)
      snapshot = snapshot.capacityChecked(Option.when(available)(fault))
    case NodesSeen(nodes) => snapshot = snapshot.seeing(nodes)
    case GroupSeen(isReserved) => snapshot = snapshot.seeingGroup(isReserved)
    case GrowthSeen(patience, said) => snapshot = snapshot.growing(patience, said)
    case ShuffleServiceReady(serviceId, port) =>
      members.serviceReady(serviceId, port).foreach(host => board.happened(s"the shuffle service of $host listens"))
    case ShuffleServiceLost(serviceId, reason) =>
      members.serviceLost(serviceId).foreach { case (host, executors) =>
        val description = LifecycleMessages.shuffleServiceLost(host, reason)
        board.happened(s"the shuffle service of $host was lost")
        executors.foreach(lostSilently(_, description))
        members.filesLost(host, description)
      }
    case _: ProcessStarted | _: Registered | Stop =>
  }

  private def answered(incarnation: Int, decision: Decision): Unit = appMaster.answered(incarnation) match {
    case AppMasterClient.Answer.First =>
      board.happened("the AppMaster decides")
      undecided = true
    case AppMasterClient.Answer.Current => perform(decision)
    case AppMasterClient.Answer.Outdated =>
  }

  private def decide(): Unit = {
    val due = undecided || wakeAt.exists(_ <= snapshot.now)
    if (due && !appMaster.isDeciding && board.current.failure.isEmpty) {
      val before = snapshot
      undecided = false
      appMaster.decide(snapshot).foreach(perform)
      undecided = undecided || snapshot != before
    }
  }

  private def perform(decision: Decision): Unit = {
    wakeAt = decision.wakeAt
    decision.actions.foreach(perform)
  }

  /** Skips an action that no longer fits what has happened since. The next decision takes that into account. */
  private def perform(action: Action): Unit = action match {
    case Action.Launch(id) if id == snapshot.nextId && snapshot.kept.size < snapshot.desired =>
      snapshot = snapshot.launched
      members.launch(id, expects)
      board.happened(s"executor $id requested")
    case Action.Kill(id, why) => snapshot.executor(id).foreach(kill(_, why))
    case Action.CheckCapacity(id) if snapshot.executor(id).exists(_.phase == ExecutorPhase.Pending) =>
      lost(id, Loss.Intended, ExecutorOutcome(0, byApplication = false, LifecycleMessages.checksCapacity))
      snapshot = snapshot.checkingCapacity
      capacity.check(id)
    case Action.Fail(kind, message) => fail(new RayApplicationException(kind, message))
    case _: Action.Launch | _: Action.CheckCapacity => undecided = true
  }

  private def kill(executor: ObservedExecutor, why: KillReason): Unit = why match {
    case KillReason.Surplus if snapshot.kept.size > snapshot.desired && executor.phase != ExecutorPhase.Registered =>
      lost(executor.id, Loss.Intended, ExecutorOutcome(0, byApplication = false, "It is no longer needed"))
    case KillReason.Overdue if executor.departure.isDefined =>
      lost(
        executor.id,
        Loss.Intended,
        ExecutorOutcome(1, byApplication = false, "Its connection to the driver was lost"))
    case KillReason.NotRegistered if executor.phase == ExecutorPhase.Starting =>
      val reason = LifecycleMessages.notRegistered(executor.id, spec.policy.startTimeout, members.placeOf(executor.id))
      lost(executor.id, Loss.TimedOut(reason), ExecutorOutcome(1, byApplication = false, reason))
    case KillReason.NoProcess if executor.phase == ExecutorPhase.Pending =>
      val reason = LifecycleMessages.noProcess(executor.id, spec.policy.startTimeout, LifecycleMessages.capacityInGroup)
      lost(executor.id, Loss.NoProcess(reason), ExecutorOutcome(1, byApplication = false, reason))
    case _ => undecided = true
  }

  private def lostWithReport(id: Int, outcome: ExecutorOutcome): Unit = {
    // A registered executor that exits with 0 was stopped or decommissioned by Spark.
    val orderly = outcome.exitCode == 0 && snapshot.executor(id).exists(_.phase == ExecutorPhase.Registered)
    lost(id, if (orderly || isIntended(id)) Loss.Intended else Loss.Explained(outcome.reason), outcome)
  }

  private def isIntended(id: Int): Boolean =
    snapshot.executor(id).exists(_.departure.exists(_.intended))

  /** Too many such losses without a finished task count against the application. Otherwise its job would never end. */
  private def lostSilently(id: Int, description: String): Unit = {
    val reason = s"Executor $id (${members.placeOf(id)}) ended without a report: $description"
    val after = snapshot.lost(id, Loss.Unexplained(reason), members.tasksFinished)
    val suspicious = after.silentLosses > spec.policy.maxConsecutiveFailures
    lost(id, if (isIntended(id)) Loss.Intended else Loss.Unexplained(reason), ExecutorOutcome(1, suspicious, reason))
  }

  private def lost(id: Int, loss: Loss, outcome: ExecutorOutcome): Unit = if (snapshot.contains(id)) {
    // Spark's scheduler says it of the executors that it knows.
    val isKnown = snapshot.executor(id).exists(_.phase == ExecutorPhase.Registered)
    snapshot = snapshot.lost(id, loss, members.tasksFinished)
    members.remove(id, outcome)
    board.happened(s"executor $id ended: ${outcome.reason.linesIterator.next()}")
    if (loss != Loss.Intended && !isKnown) log.warn(s"Executor $id is lost: ${outcome.reason}")
  }

  private def releaseServices(): Unit =
    if (!members.hasServices) servicesDue = None
    else if (servicesDue.forall(_ <= snapshot.now)) {
      servicesDue = Some(snapshot.now + ServicesMillis)
      members.releaseServices(snapshot.now).foreach(host => board.happened(s"the shuffle service of $host has ended"))
    }

  private def fail(error: RayApplicationException): Unit = if (board.current.failure.isEmpty) {
    // Until then, whoever starts the application gets the error, so driver-log4j2.properties does not show this line.
    val what = if (isReady) "The application failed" else "The application could not start"
    log.error(s"$what (${error.kind}): ${error.getMessage}")
    board.update(_.copy(phase = ApplicationPhase.Failed, failure = Some(error)))
    members.fail(error)
  }

  private def publish(): Unit = {
    val running = snapshot.registeredCount > 0
    board.update { status =>
      val phase = status.phase match {
        case ApplicationPhase.Starting if running => ApplicationPhase.Running
        case other => other
      }
      status.copy(
        phase = phase,
        desired = snapshot.desired,
        executors = members.statuses(snapshot),
        waiting = capacity.waiting(snapshot))
    }
  }

  /** Gives executors time to end on their own, because Spark has told them to stop. Then kills the rest. */
  private def end(): Unit = {
    val deadline = clock() + GoodbyeMillis
    members.killIdle()
    while (members.nonEmpty && clock() < deadline) {
      Option(events.poll(math.max(1, deadline - clock()), TimeUnit.MILLISECONDS)).foreach {
        case Ended(id, _) => members.forget(id)
        case Ending(id, _) => members.forget(id)
        case _ =>
      }
    }
    members.killAll()
    leave()
    board.update(status =>
      status.copy(
        phase = if (status.failure.isDefined) ApplicationPhase.Failed else ApplicationPhase.Stopped,
        executors = Vector.empty))
  }

  /** A call to Ray that continues after Ray's shutdown would end this process. Then the connection stays open. */
  private def leave(): Unit = {
    isolated("The AppMaster could not be ended")(appMaster.close())
    calls.shutdownNow()
    isolated("This process stays connected to the Ray cluster until it ends") {
      if (calls.awaitTermination(CallEndMillis, TimeUnit.MILLISECONDS)) effects.close()
      else log.warn("A call to Ray does not end. This process stays connected to the Ray cluster until it ends")
    }
  }
}

private[lifecycle] object ExecutorFleet {
  private val StopMillis = 20000L
  private val GoodbyeMillis = 5000L
  private val CallEndMillis = 5000L
  private val ServicesMillis = 10000L
  private val IdleMillis = 60000L
  private val RegistrationMillis = 500L
  private val CallThreads = 3

  private def clock(): Long = TimeUnit.NANOSECONDS.toMillis(System.nanoTime)

  private def daemon(task: Runnable): Thread = {
    val thread = new Thread(task, "raydp-ray-calls")
    thread.setDaemon(true)
    thread
  }
}
