package org.apache.spark.raydp

import org.apache.spark.{TaskContext, TaskContextImpl}

/** A task without Spark, which a test kills and completes. Spark keeps the methods for both to its own packages. */
final class TestTask {
  private val context: TaskContextImpl = TaskContext.empty()

  /** Runs `body` as the task's thread does. */
  def run[T](body: => T): T = {
    TaskContext.setTaskContext(context)
    try body
    finally TaskContext.unset()
  }

  def kill(): Unit = context.markInterrupted("killed by a test")

  def complete(): Unit = context.markTaskCompleted(None)
}
