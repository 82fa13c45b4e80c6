"""A program of connect/test_cancelling.py: its agent freezes during a conversion, which runs into its time-out."""

import os
import signal
import sys
import threading

import ray
from pyspark.sql import SparkSession

import raydp
from support.connect_server import running_jobs
from support.datasets import eventually as comes_true
from support.scripting import attempt, begin_part, say, start_ray

url, ui = sys.argv[1:]
start_ray(num_cpus=2)
spark = SparkSession.builder.remote(url).getOrCreate()
spark.conf.set("spark.raydp.exchange.timeout", "5")
assert raydp.from_spark(spark.range(3)).count() == 3
(agent,) = raydp.attach(spark).exchange.directory.agents()
process = ray.get(agent.handle.process_id.remote())


def freeze() -> None:
    if comes_true(lambda: bool(running_jobs(ui)), within=120):
        os.kill(process, signal.SIGSTOP)


begin_part("a frozen agent")
threading.Thread(target=freeze, daemon=True).start()
hours = spark.range(10**13).selectExpr("rand() AS y").where("y < 1e-9")
attempt("error:", lambda: raydp.from_spark(hours))
os.kill(process, signal.SIGCONT)
say("jobs:", "none" if comes_true(lambda: not running_jobs(ui), within=60) else running_jobs(ui))
say("works:", raydp.from_spark(spark.range(3)).count())
spark.stop()
