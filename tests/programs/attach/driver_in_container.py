"""A program of attach/test_yarn.py in cluster mode: it runs in a container itself. What it says goes to a file."""

import contextlib
import sys
from pathlib import Path

import ray
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

import raydp
from support.scripting import attempt, say, start_ray

with Path(sys.argv[1]).open("w", buffering=1) as file, contextlib.redirect_stdout(file):
    spark = SparkSession.builder.getOrCreate()
    say("mode:", spark.conf.get("spark.submit.deployMode"))
    start_ray(num_cpus=2)
    attempt("ended:", lambda: raydp.attach(spark, exchange="shared-memory").is_stopping)
    frame = spark.range(0, 1000, 1, 4).selectExpr("id", "cast(id as string) AS text")
    attempt("to Ray:", lambda: raydp.from_spark(frame).count())
    ds = ray.data.range(1000)
    attempt("to Spark:", lambda: raydp.to_spark(ds).agg(F.sum("id")).first()[0])
    spark.stop()
    ray.shutdown()
