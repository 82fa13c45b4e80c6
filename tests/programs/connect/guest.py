"""One of several programs that use a server at once."""

import sys

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

import raydp
from support.scripting import say, start_ray

number = int(sys.argv[2])
start_ray(num_cpus=1)
spark = SparkSession.builder.remote(sys.argv[1]).getOrCreate()
ds = raydp.from_spark(spark.range(100).selectExpr(f"id * {number} AS id"))
raydp.register(ds, "shared_name")
say("sum:", spark.table("ray.shared_name").agg(F.sum("id")).first()[0])
say("names:", raydp.attach(spark).exchange.registered())
spark.stop()  # without this, PySpark's client sometimes hangs at the end of a program
