"""A program of lifecycle/test_kills.py: applications whose processes are killed, one after another."""

import os
import signal
import time

from py4j.protocol import Py4JJavaError
from slow_job import executors, slow_job

import raydp
from support import programs
from support.scripting import begin_part, eventually, say, start_ray


def end_the_executor(rows):
    import psutil

    psutil.Process(os.getppid()).parent().kill()  # this worker's daemon's parent
    time.sleep(60)
    yield from rows


def is_replaced(victim):
    """Tell whether two executors run and none of them is the victim: one look, as a second one may see its loss."""
    running = {e.id for e in executors()}
    return len(running) == 2 and victim not in running


def start_job(spark):
    """Start a job and wait until a task of it runs."""
    thread, result = slow_job(spark)
    tracker = spark.sparkContext.statusTracker()

    def at_work():
        stages = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
        return any(stage and stage.numActiveTasks for stage in stages)

    thread.start()
    eventually("at work", at_work)
    return thread, result


start_ray()

begin_part("AppMaster")
spark = raydp.init_spark("t", 2, 1, "600m", configs={"spark.task.maxFailures": "1"})
family = programs.marked_processes(os.environ["RAYDP_TEST_MARK"])
found = [p for p in family if "-Draydp.role=app-master" in programs.words_of(p)]
assert len(found) == 1, [programs.words_of(p)[:3] for p in found]
eventually("two executors", lambda: len(executors()) == 2)
before = {e.id for e in executors()}
thread, result = start_job(spark)
found[0].kill()
thread.join(300)
say("result:", result)
say("same executors:", {e.id for e in executors()} == before)
victim = executors()[0]
os.kill(victim.pid, signal.SIGKILL)
eventually("another executor", lambda: is_replaced(victim.id))
say("after that:", spark.range(1000).count())

begin_part("executor")
cached = spark.range(100_000).cache()
assert cached.count() == 100_000
before = {e.id: e.pid for e in executors()}
assert len(before) == 2, before
thread, result = start_job(spark)
victim = min(before)
os.kill(before[victim], signal.SIGKILL)
thread.join(300)
say("result:", result)
eventually("two executors", lambda: is_replaced(victim))
after = {e.id for e in executors()}
say("replaced:", victim not in after and len(after) == 2, "new ids:", bool(after - set(before)))
say("cache:", cached.selectExpr("sum(id)").first()[0], raydp.from_spark(cached).count())
raydp.stop_spark()

begin_part("task")
spark = raydp.init_spark(
    "t", 1, 1, "600m", configs={"spark.raydp.executor.maxConsecutiveFailures": "2", "spark.task.maxFailures": "1"}
)
try:
    spark.sparkContext.parallelize([1], 1).mapPartitions(end_the_executor).collect()
except Py4JJavaError as error:
    say("failed:", "executor" in str(error).lower())
