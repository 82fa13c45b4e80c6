"""A program of lifecycle/test_kills.py: applications whose processes are killed, one after another."""

import os
import signal
import time

from py4j.protocol import Py4JJavaError
from slow_job import executors, slow_job

import raydp
from support import programs
from support.scripting import begin_part, say, start_ray


def end_the_executor(rows):
    import psutil

    psutil.Process(os.getppid()).parent().kill()  # this worker's daemon's parent
    time.sleep(60)
    yield from rows


start_ray()

begin_part("AppMaster")  # first: later, the AppMaster of the part before may still be ending
spark = raydp.init_spark("t", 1, 1, "600m")
thread, result = slow_job(spark)
family = programs.marked_processes(os.environ["RAYDP_TEST_MARK"])
found = [p for p in family if "-Draydp.role=app-master" in programs.words_of(p)]
assert len(found) == 1, [programs.words_of(p)[:3] for p in found]
before = {e.id for e in executors()}
thread.start()
time.sleep(2)
found[0].kill()
thread.join(300)
say("result:", result)
say("same executors:", {e.id for e in executors()} == before)
os.kill(executors()[0].pid, signal.SIGKILL)
say("after that:", spark.range(1000).count())
raydp.stop_spark()

begin_part("executor")
spark = raydp.init_spark("t", 2, 1, "600m", configs={"spark.task.maxFailures": "1"})
thread, result = slow_job(spark)
cached = spark.range(100_000).cache()
assert cached.count() == 100_000
deadline = time.monotonic() + 60
while len(executors()) < 2 and time.monotonic() < deadline:
    time.sleep(0.1)
before = {e.id: e.pid for e in executors()}
assert len(before) == 2, before
thread.start()
time.sleep(3)
victim = min(before)
os.kill(before[victim], signal.SIGKILL)
thread.join(300)
say("result:", result)
deadline = time.monotonic() + 60
while len(executors()) < 2 and time.monotonic() < deadline:
    time.sleep(0.1)
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
