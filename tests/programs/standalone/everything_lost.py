"""A program of standalone/test_everything_lost.py: a cluster whose parts are lost one after the other, then Ray."""

import os
import signal
import time
from collections.abc import Callable

import ray
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

import raydp
from support.datasets import eventually as comes_true
from support.scripting import attempt, begin_part, kill_process_of_ray, say, start_ray
from support.slow_conversions import convert_while, slow_rows
from support.standalone import executor_processes
from support.standalone_in_ray import daemons_of, kill_master_actor, kill_worker, worker_ports

MARK = os.environ["RAYDP_TEST_MARK"]
ROWS = 24
OPTIONS = {"spark.ui.enabled": "false", "spark.sql.execution.arrow.maxRecordsPerBatch": "1"}
SIZES = {"num_executors": 1, "executor_cores": 1, "executor_memory": "600m"}


def start() -> tuple[raydp.StandaloneCluster, SparkSession]:
    cluster = raydp.start_standalone(2, 1, "600m", timeout_seconds=240)
    # PySpark's JVM of a former session has the settings of the former cluster.
    session = SparkSession.builder.config(map={**cluster.settings, **OPTIONS}).getOrCreate()
    raydp.attach(session)
    return cluster, session


def lose_in_conversion(what: str, lose: Callable[[], object]) -> None:
    """Lose something in the middle of a conversion. Its rows must be right, and the session must go on."""
    begin_part(what)
    converted = convert_while(slow_rows(spark, ROWS, 12), lose, after_tasks=2)
    say("rows:", sorted(row["id"] for row in converted.take_all()) == list(range(ROWS)))
    say("workers:", comes_true(lambda: len(worker_ports(cluster)) == 2, within=240))
    say("goes on:", raydp.to_spark(raydp.from_spark(spark.range(100))).agg(F.sum("id")).first()[0])


def lose_agent() -> None:
    (agent,) = raydp.attach(spark).exchange.directory.agents()
    ray.kill(agent.handle, no_restart=True)


start_ray(num_cpus=4)
cluster, spark = start()
application = spark.sparkContext.applicationId
ports = worker_ports(cluster)
lose_in_conversion("a worker's process", lambda: kill_worker(cluster))
say("another process:", len(worker_ports(cluster) - ports))
lose_in_conversion("the master's actor", lambda: kill_master_actor(cluster))
lose_in_conversion("an executor", lambda: executor_processes(application)[0].kill())
lose_in_conversion("an agent", lose_agent)
say("same application:", spark.sparkContext.applicationId == application)

begin_part("the raylet")
kill_process_of_ray("raylet")
attempt("scale:", lambda: cluster.scale(1))
attempt("convert:", lambda: raydp.from_spark(spark.range(10)))
attempt("start:", lambda: raydp.start_standalone(1, 1, "600m"))
say("left:", comes_true(lambda: not daemons_of(MARK), within=90), not executor_processes(application))
begin = time.monotonic()
attempt("stopped:", cluster.stop)
say("in time:", time.monotonic() - begin < 60, "folder:", cluster.properties_file.parent.exists())
attempt("Spark:", spark.stop)
ray.shutdown()
start_ray(num_cpus=4)
cluster, spark = start()
say("again:", raydp.from_spark(spark.range(100)).count(), cluster.scale(1, timeout_seconds=120))
spark.stop()
cluster.stop()

begin_part("the head")
spark = raydp.init_spark("short", **SIZES, deployment="standalone")
say("rows:", raydp.from_spark(spark.range(100)).count())
kill_process_of_ray("gcs_server")
attempt("scale:", lambda: raydp.scale(2))
begin = time.monotonic()
attempt("stopped:", raydp.stop_spark)
say("in time:", time.monotonic() - begin < 60)
ray.shutdown()
say("left:", comes_true(lambda: not daemons_of(MARK), within=60))
start_ray(num_cpus=4)
spark = raydp.init_spark("short", **SIZES, deployment="standalone")
say("again:", raydp.from_spark(spark.range(100)).count())
raydp.stop_spark()

begin_part("a program that is terminated")
cluster, spark = start()
say("rows:", spark.range(100).count())
os.kill(os.getpid(), signal.SIGTERM)
