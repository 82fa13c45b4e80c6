"""One of several programs that use a server at once: how it ends is an argument."""

import os
import signal
import sys

import ray
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

import raydp
from support.scripting import say, start_ray

url, number, address, end = (*sys.argv[1:], "", "stop")[:4]
if address:
    ray.init(address, log_to_driver=False, logging_level="WARNING")
else:
    start_ray(num_cpus=1)
spark = SparkSession.builder.remote(url).getOrCreate()
ds = raydp.from_spark(spark.range(100).selectExpr(f"id * {number} AS id"))
raydp.register(ds, "shared_name")
say("sum:", spark.table("ray.shared_name").agg(F.sum("id")).first()[0])
say("names:", raydp.attach(spark).exchange.registered())
if end == "hours":
    raydp.from_spark(spark.range(10**13).select(F.rand().alias("y")).where("y < 1e-9"))
if end == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
if end == "stop":
    spark.stop()
