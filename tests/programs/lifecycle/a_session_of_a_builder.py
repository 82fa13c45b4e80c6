"""A program of lifecycle/test_session.py. It ends without stopping its second session."""

from pyspark.sql import SparkSession

import raydp
from support.scripting import say, start_ray

start_ray()
raydp.init_spark("t", 1, 1, "600m").stop()
other = SparkSession.builder.master("ray").appName("other").config("spark.executor.memory", "600m").getOrCreate()
say("other:", other.range(3).count())
try:
    raydp.init_spark("t", 1, 1, "600m")
except raydp.errors.SessionError as error:
    say("refused:", error)
