"""A program of errors/test_start.py."""

from pyspark.sql import SparkSession

import raydp
from support.scripting import say

plain = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
for attempt in (lambda: raydp.init_spark("t", 1, 1, "600m"), lambda: raydp.from_spark(plain.range(3))):
    try:
        attempt()
    except raydp.errors.SessionError as error:
        say("refused:", error)
plain.stop()
with raydp.init_spark("t", 1, 1, "600m") as spark:
    say("started:", spark.range(3).count())
