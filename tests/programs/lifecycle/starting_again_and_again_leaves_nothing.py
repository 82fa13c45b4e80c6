"""A program of lifecycle/test_restarts.py. Its argument is the number of starts."""

import gc
import os
import sys

import psutil

import raydp
from support import programs
from support.scripting import eventually, say, start_ray

start_ray()
me = psutil.Process()


def processes():
    family = programs.marked_processes(os.environ["RAYDP_TEST_MARK"])
    return [name for name in map(programs.name_of, family) if name == "java"]


def sizes():
    return [me.num_fds(), me.num_threads(), me.memory_info().rss >> 20]


for number in range(int(sys.argv[1])):
    spark = raydp.init_spark(f"start {number}", 1, 1, "500m", configs={"spark.log.level": "ERROR"})
    dataset = raydp.from_spark(spark.range(1000))
    assert raydp.to_spark(dataset).count() == 1000
    del dataset
    raydp.stop_spark()
    gc.collect()
    eventually("ended", lambda: not processes(), seconds=60, state=processes)
    say("sizes:", *sizes())
