package org.apache.spark.raydp

import scala.annotation.tailrec

import org.apache.spark.{ExceptionFailure, SparkContext, TaskFailedReason, TaskState}
import org.apache.spark.scheduler.{TaskSchedulerImpl, TaskSetManager}

/** An exception that every further attempt of the task would meet, too, because its data is at fault. */
trait NotRetried { self: Throwable => }

/**
 * Spark's scheduler, except that a job fails at once if one of its tasks fails with an exception that is [[NotRetried]].
 *
 * Uses `TaskSetManager`: a setting of Spark only bounds the attempts of all tasks of an application, whatever they fail
 * with. An exception class that Spark does not retry and that others may extend would replace this.
 */
private final class RayTaskScheduler(sc: SparkContext) extends TaskSchedulerImpl(sc) {

  // The lock is the one under which tasks are launched, so no further attempt can start in between.
  override def handleFailedTask(
      tasks: TaskSetManager,
      tid: Long,
      state: TaskState.TaskState,
      reason: TaskFailedReason): Unit = synchronized {
    super.handleFailedTask(tasks, tid, state, reason)
    val cause = reason match {
      case failure: ExceptionFailure => failure.exception.filter(NotRetried.isWithin(_))
      case _ => None
    }
    cause.foreach { failure =>
      tasks.abort(
        s"A task of stage ${tasks.taskSet.id} failed because of its data and does not run again: $failure",
        Some(failure))
    }
  }
}

private object NotRetried {
  private val DeepestCause = 20 // Java allows circular causes

  /** Whether an exception, or one of its causes, is [[NotRetried]]. */
  @tailrec
  def isWithin(failure: Throwable, depth: Int = DeepestCause): Boolean =
    if (failure == null || depth == 0) false
    else failure.isInstanceOf[NotRetried] || isWithin(failure.getCause, depth - 1)
}
