"""A program of lifecycle/test_session.py."""

import ray
from pyspark import SparkContext
from pyspark.sql import SparkSession

import raydp
from support.scripting import say, start_ray

start_ray()
spark = (
    SparkSession.builder.master("ray")
    .appName("plain")
    .config("spark.executor.memory", "600m")
    .config("spark.executor.instances", "1")
    .getOrCreate()
)
say(spark.sparkContext.master, spark.range(1000).count(), spark.sparkContext.appName)
spark.stop()
address = ray.get_runtime_context().gcs_address
spark = SparkSession.builder.master(f"ray:{address}").config("spark.executor.memory", "600m").getOrCreate()
say(spark.range(100).selectExpr("sum(id)").first()[0])
spark.stop()
raydp.stop_spark()
sc = SparkContext("ray", "bare")
say(sc.parallelize(range(100), 4).map(lambda x: x * 2).sum())
sc.stop()
