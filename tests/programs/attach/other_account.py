"""A program of attach/test_other_account.py: the only executor runs under another Unix account than Ray."""

import sys
from collections.abc import Callable

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

import raydp
from support.datasets import eventually
from support.scripting import begin_part, say, start_ray
from support.standalone import executor_processes


def error_of(call: Callable[[], object]) -> str:
    try:
        return f"no error: {call()}"
    except Exception as error:
        return f"{type(error).__name__}: {error}".replace("\n", " ")


spark = (
    SparkSession.builder.master(sys.argv[1])
    .config("spark.ui.enabled", "false")
    .config("spark.executor.memory", "500m")
    .getOrCreate()
)
application = spark.sparkContext.applicationId
assert eventually(lambda: len(executor_processes(application)) == 1, within=240)

begin_part("both ways")
start_ray(num_cpus=2)
(executor,) = executor_processes(application)
say("user of the executor:", executor.uids().real)
with raydp.attach(spark):
    ds = raydp.from_spark(spark.range(0, 400, 1, 4).selectExpr("id", "cast(id as string) as text"))
    say("to Ray:", sorted(row["id"] for row in ds.take_all()) == list(range(400)))
    say("to Spark:", *raydp.to_spark(ds).agg(F.sum("id"), F.count("text")).first())
    raydp.register(ds, "mine")
    say("by name:", spark.sql("SELECT count(text) FROM ray.mine").first()[0])

begin_part("shared memory only")
with raydp.attach(spark, exchange="shared-memory"):
    say(error_of(lambda: raydp.from_spark(spark.range(9))))
    say(error_of(raydp.to_spark(ds).collect))

spark.stop()
