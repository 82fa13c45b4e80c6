"""A program of lifecycle/test_kills.py."""

import os
import signal
import time

from slow_job import executors, slow_job

import raydp
from support import programs
from support.scripting import say, start_ray

start_ray()
spark = raydp.init_spark("t", 1, 1, "600m")
thread, result = slow_job(spark)
family = programs.marked_processes(os.environ["RAYDP_TEST_MARK"])
found = [p for p in family if "-Draydp.role=app-master" in p.cmdline()]
assert len(found) == 1, [p.cmdline()[:3] for p in found]
before = {e.id for e in executors()}
thread.start()
time.sleep(2)
found[0].kill()
thread.join(300)
say("result:", result)
say("same executors:", {e.id for e in executors()} == before)
os.kill(executors()[0].pid, signal.SIGKILL)
say("after that:", spark.range(1000).count())
