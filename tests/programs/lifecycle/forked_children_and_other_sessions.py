"""A program of lifecycle/test_session.py. It ends without stopping its second session."""

import os
import sys

import ray
from pyspark.sql import SparkSession

import raydp
from support.scripting import say, start_ray

start_ray()
spark = raydp.init_spark("t", 1, 1, "600m")
before = spark.range(10)
if (child := os.fork()) == 0:
    sys.exit(3)  # an ordinary end, with all functions that are registered for it
say("child:", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
say("parent:", before.count(), ray.data.from_spark(before).count())
spark.stop()

other = SparkSession.builder.master("ray").appName("other").config("spark.executor.memory", "600m").getOrCreate()
say("other:", other.range(3).count())
try:
    raydp.init_spark("t", 1, 1, "600m")
except raydp.errors.SessionError as error:
    say("refused:", error)
