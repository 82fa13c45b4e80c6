"""A program of errors/test_start.py: one start after another that cannot work, in one process."""

import os
import time

from pyspark.sql import SparkSession

import raydp
from support.scripting import begin_part, say, start_ray

begin_part("a JVM that is not ours")
plain = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
for attempt in (lambda: raydp.init_spark("t", 1, 1, "600m"), lambda: raydp.from_spark(plain.range(3))):
    try:
        attempt()
    except raydp.errors.SessionError as error:
        say("refused:", error)
plain.stop()
start_ray(num_cpus=2)
with raydp.init_spark("t", 1, 1, "600m") as spark:
    say("started:", spark.range(3).count())

begin_part("unknown setting")
try:
    raydp.init_spark("t", 1, 1, "600m", configs={"spark.raydp.exchange.blokSize": "4m"})
except raydp.errors.InvalidArgumentError as error:
    say(error)

begin_part("connect")
os.environ["SPARK_CONNECT_MODE_ENABLED"] = "1"
try:
    raydp.init_spark("t", 1, 1, "600m")
except raydp.errors.SessionError as error:
    say(error)
del os.environ["SPARK_CONNECT_MODE_ENABLED"]

begin_part("too large")
begin = time.monotonic()
short = {"spark.raydp.executor.infeasibleTimeout": "5", "spark.raydp.executor.startTimeout": "40"}
try:
    raydp.init_spark("t", 1, 64, "1g", configs=short)
except raydp.errors.ClusterError as error:
    say(type(error).__name__, f"after {time.monotonic() - begin:.0f} s:", error)
try:
    raydp.init_spark("t", 1, 1, "900g")
except raydp.errors.ClusterError as error:
    say("alone:", error)
spark = raydp.init_spark("t", 1, 1, "600m")
say("then:", spark.range(10).count())
raydp.stop_spark()

begin_part("no executor")
broken = {"spark.executor.extraJavaOptions": "-javaagent:/no/such/agent.jar", "spark.raydp.executor.startTimeout": "30"}
try:
    raydp.init_spark("t", 1, 1, "600m", configs=broken)
except raydp.errors.ExecutorStartError as error:
    say("refused:", error)

begin_part("refused by Spark")
# Not caught: the test looks at the traceback.
refused = {"spark.dynamicAllocation.enabled": True, "spark.dynamicAllocation.schedulerBacklogTimeout": "1ms"}
raydp.init_spark("t", 1, 1, "600m", configs=refused)
