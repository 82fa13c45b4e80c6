package io.raydp.lifecycle

import java.util.concurrent.{ScheduledExecutorService, TimeUnit}

import org.slf4j.LoggerFactory

/**
 * Keeps an AppMaster running and asks it for decisions. While no AppMaster answers, decisions are made here, by the same
 * function, so that its absence affects neither jobs nor executors.
 *
 * Each AppMaster is an incarnation with an id. Ray reports one death several times: through the call that waits for its
 * end and through a decision that it did not make, both possibly after its successor has started. The first report ends
 * the incarnation; later ones are ignored.
 *
 * Only the fleet's thread uses it.
 *
 * @param calls runs the calls to the AppMaster, so that the fleet's thread does not wait for them
 */
private[lifecycle] final class AppMasterClient(
    effects: FleetEffects,
    policy: FleetPolicy,
    calls: ScheduledExecutorService,
    post: FleetEvent => Unit) {
  import AppMasterClient._

  private val log = LoggerFactory.getLogger(classOf[AppMasterClient])
  private var state: State = Absent(last = 0)

  /** How many AppMasters were lost in a row without an answer in between. */
  private var losses = 0

  /** Whether the AppMaster is making a decision. Its answer is posted as Decided. */
  def isDeciding: Boolean = state match {
    case Answering(_, _, asked) => asked
    case _ => false
  }

  /** Starts the first AppMaster. */
  def start(snapshot: FleetSnapshot): Unit = start(1, snapshot)

  /** Returns the decision if it is made here. Otherwise the AppMaster's decision is posted as Decided. */
  def decide(snapshot: FleetSnapshot): Option[Decision] = state match {
    case current: Answering =>
      if (!current.asked) {
        state = current.copy(asked = true)
        ask(current.incarnation, current.appMaster, snapshot, AnswerMillis)
      }
      None
    case _ => Some(Reconciler.decide(snapshot))
  }

  /** An AppMaster answered. */
  def answered(incarnation: Int): Answer = state match {
    case Starting(`incarnation`, appMaster) =>
      losses = 0
      state = Answering(incarnation, appMaster, asked = false)
      Answer.First
    case current: Answering if current.incarnation == incarnation =>
      state = current.copy(asked = false)
      Answer.Current
    case _ => Answer.Outdated
  }

  /**
   * An AppMaster is lost. It is replaced after a pause that grows with each loss, unless too many were lost in a row.
   *
   * @return what happened, if this is news
   */
  def lost(incarnation: Int, reason: String, snapshot: FleetSnapshot): Option[String] = state match {
    case running: Running if running.incarnation == incarnation =>
      running.appMaster.kill()
      losses += 1
      state = Absent(incarnation)
      if (losses > policy.maxConsecutiveFailures) {
        log.warn(LifecycleMessages.appMasterAbandoned(losses, reason))
        Some("the AppMaster was lost too often; the driver decides")
      } else {
        log.warn(LifecycleMessages.appMasterLost(reason))
        val pause = policy.backOff(losses)
        if (pause == 0) replace(incarnation, snapshot)
        else calls.schedule((() => post(FleetEvent.AppMasterDue(incarnation))): Runnable, pause, TimeUnit.MILLISECONDS)
        Some("the AppMaster was lost; the driver decides until another one answers")
      }
    case _ => None
  }

  /** Starts an AppMaster in place of the one of this incarnation, unless that has happened. */
  def replace(lost: Int, snapshot: FleetSnapshot): Unit = if (state == Absent(lost)) start(lost + 1, snapshot)

  /** Ends the AppMaster, which also ends a call that waits for it. No other AppMaster starts afterwards. */
  def close(): Unit = {
    state match {
      case running: Running => running.appMaster.kill()
      case _ =>
    }
    state = Closed
  }

  /** Also sends it the snapshot: the answer shows that its process runs. */
  private def start(incarnation: Int, snapshot: FleetSnapshot): Unit = {
    val appMaster =
      try effects.startAppMaster(incarnation, post)
      catch { case Isolation.Failure(error) => new Unavailable(error) }
    state = Starting(incarnation, appMaster)
    ask(incarnation, appMaster, snapshot, StartMillis)
  }

  private def ask(incarnation: Int, appMaster: RemoteAppMaster, snapshot: FleetSnapshot, timeoutMillis: Long): Unit =
    calls.execute { () =>
      try post(FleetEvent.Decided(incarnation, appMaster.decide(snapshot, timeoutMillis)))
      catch {
        case Isolation.Failure(error) => post(FleetEvent.AppMasterLost(incarnation, String.valueOf(error.getMessage)))
      }
    }
}

private[lifecycle] object AppMasterClient {

  /** What an answer means. */
  sealed trait Answer
  object Answer {

    /** The AppMaster runs now. Its decision is about a snapshot from before, about which the driver has decided. */
    case object First extends Answer

    /** The decision is to be carried out. */
    case object Current extends Answer

    /** It comes from an AppMaster that was lost. */
    case object Outdated extends Answer
  }

  private sealed trait State

  private sealed trait Running extends State {
    def incarnation: Int
    def appMaster: RemoteAppMaster
  }

  /** None runs. `last` is the incarnation that was lost. */
  private final case class Absent(last: Int) extends State
  private final case class Starting(incarnation: Int, appMaster: RemoteAppMaster) extends Running
  private final case class Answering(incarnation: Int, appMaster: RemoteAppMaster, asked: Boolean) extends Running
  private case object Closed extends State

  /** Stands for an AppMaster that could not even be requested from Ray. */
  private final class Unavailable(error: Throwable) extends RemoteAppMaster {
    override def decide(snapshot: FleetSnapshot, timeoutMillis: Long): Decision =
      throw new RemoteCallException(LifecycleMessages.notRequested(error), error)
    override def kill(): Unit = ()
  }

  /** How long an AppMaster may take to start. Its process needs seconds, more on a busy machine. */
  private val StartMillis = 60000L

  /** How long a decision may take. It takes milliseconds; an AppMaster that is stopped or cut off never answers. */
  private val AnswerMillis = 10000L
}
