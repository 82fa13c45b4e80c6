"""A second application on the standalone cluster and the Ray cluster of attach/standalone.py, at the same time."""

import sys

import ray
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

import raydp
from support.scripting import say

spark = (
    SparkSession.builder.master(sys.argv[1])
    .config("spark.ui.enabled", "false")
    .config("spark.executor.memory", "500m")
    .config("spark.cores.max", "1")
    .getOrCreate()
)
ray.init(sys.argv[2], log_to_driver=False, logging_level="WARNING")
with raydp.attach(spark) as attachment:
    ds = raydp.from_spark(spark.range(100).selectExpr("id * 3 AS id"))
    raydp.register(ds, "shared_name")
    folder = attachment.exchange.directory.folder
    say(
        raydp.to_spark(ds).count(),
        spark.table("ray.shared_name").agg(F.sum("id")).first()[0],
        attachment.exchange.registered(),
        len(list(folder.parent.iterdir())),
    )
spark.stop()
