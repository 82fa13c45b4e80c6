package io.raydp.exchange

import java.util.concurrent.{CountDownLatch, TimeUnit}

import scala.util.control.NonFatal

import org.apache.spark.SparkContext
import org.apache.spark.internal.Logging
import org.apache.spark.raydp.SchedulingInternals

/**
 * Lets Spark recompute lost blocks although the tasks that wait for them hold all cores.
 *
 * The tasks would wait until `spark.raydp.exchange.timeout`, and Spark would run them again before anything else.
 * Therefore the stages of a recomputation are served first; and if none of its tasks runs for a while, tasks that read
 * blocks are killed. Spark does not count that as a failure, and runs them again when the recomputation has had its
 * cores.
 */
private[exchange] object RoomForRecomputation extends Logging {

  /** How Spark names the scan of a [[RayTable]]. */
  private val Scan = "BatchScan ray dataset "
  private val KillReason = "Spark recomputes blocks that were lost, and needs the core for that"
  private val LookMillis = 500L
  private val PatienceMillis = TimeUnit.SECONDS.toMillis(3)

  /** Runs `recompute`, which waits for the jobs with a tag. */
  def during[T](context: SparkContext, jobTag: String)(recompute: => T): T = {
    val hasEnded = new CountDownLatch(1)
    val looking = new Thread(() => look(context, jobTag, hasEnded), "raydp-room-for-recomputation")
    looking.setDaemon(true)
    looking.start()
    try recompute
    finally hasEnded.countDown()
  }

  private def look(context: SparkContext, jobTag: String, hasEnded: CountDownLatch): Unit =
    try {
      var idleMillis = 0L
      while (!hasEnded.await(LookMillis, TimeUnit.MILLISECONDS)) {
        val stages = stagesOf(context, jobTag)
        SchedulingInternals.serveFirst(context, stages.keySet)
        idleMillis = if (stages.isEmpty || stages.values.exists(_ > 0)) 0L else idleMillis + LookMillis
        if (idleMillis > PatienceMillis) {
          makeRoom(context)
          idleMillis = 0L
        }
      }
    } catch {
      case NonFatal(error) => logInfo("No longer makes room for a recomputation: the application ends", error)
    }

  /** The stages that run or wait, with how many of their tasks run. */
  private def stagesOf(context: SparkContext, jobTag: String): Map[Int, Int] = {
    val tracker = context.statusTracker
    val active = tracker.getActiveStageIds().toSet
    val stages = for {
      job <- tracker.getJobIdsForTag(jobTag)
      info <- tracker.getJobInfo(job).toSeq
      stage <- info.stageIds() if active(stage)
      state <- tracker.getStageInfo(stage)
    } yield stage -> state.numActiveTasks()
    stages.toMap
  }

  private def makeRoom(context: SparkContext): Unit = {
    val reading = SchedulingInternals.tasksWithOperator(context, Scan)
    reading.foreach(context.killTaskAttempt(_, interruptThread = true, KillReason))
    if (reading.nonEmpty) logInfo(s"Tasks that make room for a recomputation: ${reading.size}")
  }
}
