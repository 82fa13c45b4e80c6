package io.raydp.lifecycle

import java.util.concurrent.{CountDownLatch, LinkedBlockingQueue, TimeUnit}

import scala.util.control.NonFatal

import org.slf4j.LoggerFactory

/**
 * The executors of an application, seen from the driver, which owns their actors.
 *
 * One thread handles the events in turn and keeps the snapshot; it asks the AppMaster what to do and does that. The
 * executors that the application begins with are the one thing it does not ask about: their number is known, and to
 * wait for the AppMaster's process would cost the user a second.
 *
 * The driver owns the executors, and not the AppMaster, because Ray ends what a dead actor owns: so the AppMaster's
 * death does not touch a running job.
 */
private[lifecycle] final class ExecutorFleet(spec: ApplicationSpec, cluster: RayCluster, board: StatusBoard) {
  import FleetEvent._

  private val log = LoggerFactory.getLogger(classOf[ExecutorFleet])
  private val events = new LinkedBlockingQueue[FleetEvent]
  private val ended = new CountDownLatch(1)
  private val appMaster = new AppMasterLink(cluster, spec.policy.maxConsecutiveFailures, post)
  private val thread = new Thread(() => run(), "raydp-fleet")

  // Touched by the fleet's thread alone, but for the reading of `snapshot`.
  private val members = new FleetMembers(spec, cluster, post)
  @volatile private var snapshot = FleetSnapshot.initial(
    clock(),
    spec.initialExecutors,
    Option.when(spec.executor.placement.isEmpty)(spec.executor.demand),
    spec.policy)
  private var asking = false
  private var undecided = true
  private var wakeAt: Option[Long] = None
  private var nodesDue: Option[Long] = None
  private var waitingToldAt: Option[Long] = None
  private var servicesDue: Option[Long] = None

  def start(): Unit = {
    thread.setDaemon(true)
    thread.start()
  }

  def post(event: FleetEvent): Unit = events.put(event)

  /** Whether an executor of this id may join the driver, and stay. */
  def expects(id: Int): Boolean = snapshot.executor(id).exists(_.doom.isEmpty)

  /** Ends everything and waits for that; bounded and idempotent. */
  def stop(): Unit = {
    post(Stop)
    if (!ended.await(ExecutorFleet.StopMillis, TimeUnit.MILLISECONDS)) {
      log.warn(s"The application did not end within ${ExecutorFleet.StopMillis / 1000} s: ${board.current.executors}")
    }
  }

  private def run(): Unit =
    try {
      if (begin()) handleEvents()
      end()
    } catch {
      case error: Throwable =>
        log.error("The application's lifecycle ended by an error of its own", error)
        fail(new RayApplicationException(
          FailureKind.StartFailed,
          s"The application's lifecycle failed: $error",
          Some(error)))
    } finally ended.countDown()

  /** @return whether the application began; if not, it has failed */
  private def begin(): Boolean =
    try {
      val options = JavaOptionsCheck.start(spec)
      cluster.connect()
      options.foreach(_.await())
      board.happened("joined Ray")
      appMaster.start()
      snapshot = snapshot.at(clock())
      Reconciler.decide(snapshot).actions.foreach(perform)
      board.update(_.copy(phase = ApplicationPhase.Starting))
      publish()
      true
    } catch {
      case error: RayApplicationException => fail(error); awaitStop(); false
      case NonFatal(error) =>
        fail(new RayApplicationException(
          FailureKind.RayUnreachable,
          LifecycleMessages.unreachable("", error.toString),
          Some(error)))
        awaitStop()
        false
    }

  private def awaitStop(): Unit = while (events.take() != Stop) {}

  private def handleEvents(): Unit = {
    var going = true
    while (going) {
      val first = Option(events.poll(sleepMillis, TimeUnit.MILLISECONDS))
      val batch = first.toVector ++ Iterator.continually(Option(events.poll())).takeWhile(_.isDefined).flatten
      val before = snapshot
      snapshot = snapshot.at(clock())
      batch.foreach(handle)
      undecided = undecided || snapshot != before.at(snapshot.now)
      going = !batch.contains(Stop)
      if (going) {
        lookUpNodes()
        lookAtServices()
        decide()
        publish()
      }
    }
  }

  private def sleepMillis: Long = {
    val next = (if (asking) None else wakeAt) ++ nodesDue ++ servicesDue
    next.minOption.fold(ExecutorFleet.IdleMillis)(at => math.max(1, at - clock()))
  }

  private def handle(event: FleetEvent): Unit = event match {
    case Attached(link, desired) =>
      members.attach(link)
      snapshot = snapshot.desiring(desired)
      board.happened("the driver's scheduler takes executors")
    case Desired(count) => snapshot = snapshot.desiring(count)
    case Doomed(ids) => snapshot = ids.foldLeft(snapshot)(_.doomed(_, intended = true))
    case Leaving(ids) =>
      snapshot = ids.foldLeft(snapshot)(_.leaving(_))
      ids.filter(snapshot.contains).foreach(id => board.happened(s"executor $id takes no more tasks"))
    case Booted(id, place) if snapshot.contains(id) =>
      members.booted(id, place)
      snapshot = snapshot.booted(id)
      board.happened(s"executor $id has a process on $place")
    case Registered(id) if snapshot.contains(id) =>
      snapshot = snapshot.registered(id)
      board.happened(s"executor $id registered")
    case Disconnected(id) => snapshot = snapshot.doomed(id, intended = false)
    case Ending(id, outcome) => lostByItsWord(id, outcome)
    case Ended(id, Right(outcome)) => lostByItsWord(id, outcome)
    case Ended(id, Left(account)) => lostSilently(id, account)
    case Decided(decision) =>
      asking = false
      if (appMaster.decided()) board.happened("the AppMaster decides")
      wakeAt = decision.wakeAt
      decision.actions.foreach(perform)
    case AppMasterLost(generation, reason) if appMaster.isCurrent(generation) =>
      asking = true // until another one runs
      board.happened("the AppMaster was lost")
      appMaster.lost(reason, spec.policy)(post(AppMasterDue)).foreach(fail)
    case AppMasterDue =>
      appMaster.start()
      asking = false
      undecided = true
    case Probed(id, room) =>
      val reason = LifecycleMessages.noProcess(id, spec.policy.startTimeout, LifecycleMessages.roomOnCluster)
      snapshot = snapshot.probeEnded(Option.when(room)(reason))
    case NodesSeen(nodes) => snapshot = snapshot.seeing(nodes)
    case ShuffleServiceReady(number, port) =>
      members.serviceReady(number, port).foreach(host => board.happened(s"the shuffle service of $host listens"))
    case ShuffleServiceLost(number, reason) =>
      members.serviceLost(number).foreach { case (host, executors) =>
        val account = LifecycleMessages.shuffleServiceLost(host, reason)
        board.happened(s"the shuffle service of $host was lost")
        executors.foreach(lostSilently(_, account))
        members.filesLost(host, account)
      }
    case _: Booted | _: Registered | _: AppMasterLost | Stop =>
  }

  private def decide(): Unit =
    if (!asking && (undecided || wakeAt.exists(_ <= snapshot.now)) && board.current.failure.isEmpty) {
      asking = true
      undecided = false
      appMaster.ask(snapshot)
    }

  /** Does what was decided, unless it no longer fits what has happened since; then the next decision settles it. */
  private def perform(action: Action): Unit = action match {
    case Action.Launch(id) if id == snapshot.nextId && snapshot.kept.size < snapshot.desired =>
      members.launch(id, expects)
      snapshot = snapshot.launched
      board.happened(s"executor $id requested")
    case Action.Kill(id, why) => snapshot.executor(id).foreach(kill(_, why))
    case Action.Probe(id) if snapshot.executor(id).exists(_.phase == ExecutorPhase.Requested) =>
      lost(
        id,
        Loss.Intended,
        ExecutorOutcome(0, byApplication = false, "It waited long; whether there is room is looked into"))
      snapshot = snapshot.probed
      appMaster.probe(id, spec.executor.demand)
    case Action.Fail(kind, message) => fail(new RayApplicationException(kind, message))
    case _: Action.Launch | _: Action.Probe => undecided = true
  }

  private def kill(executor: ObservedExecutor, why: KillReason): Unit = why match {
    case KillReason.Surplus if snapshot.kept.size > snapshot.desired && executor.phase != ExecutorPhase.Registered =>
      lost(executor.id, Loss.Intended, ExecutorOutcome(0, byApplication = false, "It is not needed any more"))
    case KillReason.Overdue if executor.doom.isDefined =>
      lost(
        executor.id,
        Loss.Intended,
        ExecutorOutcome(1, byApplication = false, "Its connection to the driver was lost"))
    case KillReason.NotRegistered if executor.phase == ExecutorPhase.Booting =>
      val reason = LifecycleMessages.notRegistered(executor.id, spec.policy.startTimeout, members.placeOf(executor.id))
      lost(executor.id, Loss.TimedOut(reason), ExecutorOutcome(1, byApplication = false, reason))
    case KillReason.NoProcess if executor.phase == ExecutorPhase.Requested =>
      val reason = LifecycleMessages.noProcess(executor.id, spec.policy.startTimeout, LifecycleMessages.roomInGroup)
      lost(executor.id, Loss.NoProcess(reason), ExecutorOutcome(1, byApplication = false, reason))
    case _ => undecided = true
  }

  private def lostByItsWord(id: Int, outcome: ExecutorOutcome): Unit = {
    // Also when Spark has decommissioned it.
    val orderly = outcome.exitCode == 0 && snapshot.executor(id).exists(_.phase == ExecutorPhase.Registered)
    lost(id, if (orderly || isIntended(id)) Loss.Intended else Loss.Explained(outcome.reason), outcome)
  }

  private def isIntended(id: Int): Boolean =
    snapshot.executor(id).exists(_.doom.exists(_.intended))

  /** Too many such ends without any work done are taken for the application's doing, else its job would never end. */
  private def lostSilently(id: Int, account: String): Unit = {
    val reason = s"Executor $id (${members.placeOf(id)}) ended without a word: $account"
    val after = snapshot.lost(id, Loss.Unexplained(reason), members.tasksFinished)
    val suspicious = after.silentLosses > spec.policy.maxConsecutiveFailures
    lost(id, if (isIntended(id)) Loss.Intended else Loss.Unexplained(reason), ExecutorOutcome(1, suspicious, reason))
  }

  private def lost(id: Int, loss: Loss, outcome: ExecutorOutcome): Unit = if (snapshot.contains(id)) {
    snapshot = snapshot.lost(id, loss, members.tasksFinished)
    members.remove(id, outcome)
    board.happened(s"executor $id ended: ${outcome.reason.linesIterator.next()}")
    if (loss != Loss.Intended) log.warn(s"Executor $id is lost: ${outcome.reason}")
  }

  /** The cluster's nodes are of interest as long as something waits for a place. */
  private def lookUpNodes(): Unit = {
    val waiting = snapshot.executors.filter(_.phase == ExecutorPhase.Requested)
    if (waiting.isEmpty) nodesDue = None
    else if (nodesDue.forall(_ <= snapshot.now)) {
      if (nodesDue.isDefined) appMaster.lookUpNodes()
      nodesDue = Some(snapshot.now + ExecutorFleet.NodesMillis)
    }
    val long = waiting.filter(snapshot.now - _.since >= ExecutorFleet.TellMillis)
    if (long.nonEmpty && waitingToldAt.isEmpty && snapshot.infeasibleSince.isEmpty && snapshot.nodes.nonEmpty) {
      waitingToldAt = Some(snapshot.now)
      log.warn(LifecycleMessages.waitingForResources(long.size, spec.executor.demand, snapshot.nodes))
    }
  }

  private def lookAtServices(): Unit =
    if (!members.hasServices) servicesDue = None
    else if (servicesDue.forall(_ <= snapshot.now)) {
      servicesDue = Some(snapshot.now + ExecutorFleet.ServicesMillis)
      members.releaseServices(snapshot.now).foreach(host => board.happened(s"the shuffle service of $host has ended"))
    }

  private def fail(error: RayApplicationException): Unit = if (board.current.failure.isEmpty) {
    log.error(s"The application failed (${error.kind}): ${error.getMessage}")
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
      status.copy(phase = phase, desired = snapshot.desired, executors = members.statuses(snapshot))
    }
  }

  /** Gives executors time to end by themselves, since Spark has told them to; then ends what is left. */
  private def end(): Unit = {
    val deadline = clock() + ExecutorFleet.GoodbyeMillis
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

  /** A call to Ray that goes on after Ray's shutdown ends this process, so without certainty the connection stays. */
  private def leave(): Unit =
    try {
      if (appMaster.close()) cluster.close()
      else log.warn("A call to Ray does not end, so this process stays connected to the Ray cluster until it ends")
    } catch {
      case NonFatal(error) => log.warn("This process stays connected to the Ray cluster until it ends", error)
    }

  private def clock(): Long = TimeUnit.NANOSECONDS.toMillis(System.nanoTime)
}

private[lifecycle] object ExecutorFleet {
  private val StopMillis = 20000L
  private val GoodbyeMillis = 5000L
  private val NodesMillis = 1000L
  private val ServicesMillis = 10000L
  private val TellMillis = 30000L
  private val IdleMillis = 60000L
}
