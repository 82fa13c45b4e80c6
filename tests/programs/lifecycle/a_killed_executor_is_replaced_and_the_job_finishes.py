"""A program of lifecycle/test_kills.py."""

import os
import signal
import time

from slow_job import executors, slow_job

import raydp
from support.scripting import say, start_ray

start_ray()
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
