package io.raydp.exchange

import org.apache.spark.TaskContext

/** How a task learns that it was killed: Spark calls it. */
private[exchange] object TaskInterrupts {

  /** Calls `action` in another thread when the task is killed. */
  def onInterrupt(context: TaskContext)(action: => Unit): Unit = {
    context.addTaskInterruptListener((_, _) => action)
    ()
  }
}
