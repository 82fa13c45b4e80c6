package io.raydp.exchange

import java.util.concurrent.{Future, ScheduledThreadPoolExecutor, TimeUnit}

import org.apache.spark.TaskContext

/** How a task learns that it was killed: this Spark has no listener for it, so a thread of the process looks. */
private[exchange] object TaskInterrupts {
  private val IntervalMillis = 100L

  private val watcher: ScheduledThreadPoolExecutor = {
    val executor = new ScheduledThreadPoolExecutor(
      1,
      (task: Runnable) => {
        val thread = new Thread(task, "raydp-task-interrupts")
        thread.setDaemon(true)
        thread
      })
    executor.setRemoveOnCancelPolicy(true)
    executor
  }

  /** Calls `action` in another thread when the task is killed. */
  def onInterrupt(context: TaskContext)(action: => Unit): Unit = {
    lazy val watch: Future[_] = watcher.scheduleWithFixedDelay(
      () =>
        if (context.isInterrupted()) {
          try action
          finally stop()
        },
      0L,
      IntervalMillis,
      TimeUnit.MILLISECONDS)
    def stop(): Unit = {
      watch.cancel(false)
      ()
    }
    context.addTaskCompletionListener[Unit](_ => stop())
    watch
    ()
  }
}
