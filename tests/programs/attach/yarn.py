"""A program of attach/test_yarn.py: applications on YARN, attached to Ray on the machine of their containers."""

import os
import sys
from pathlib import Path

import ray
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

import raydp
from raydp._machine.installation import spark_home
from support.datasets import eventually as comes_true
from support.scripting import begin_part, say, start_ray
from support.slow_conversions import convert_while, slow_rows
from support.standalone import executor_processes

ROWS = 40


def session(**settings: str) -> SparkSession:
    builder = (
        SparkSession.builder.master("yarn")
        .config("spark.ui.enabled", "false")
        .config("spark.yarn.jars", f"local:{spark_home()}/jars/*")
        .config("spark.yarn.stagingDir", Path(sys.argv[1]).as_uri())
        .config("spark.yarn.am.memory", "384m")
        .config("spark.executor.memory", "500m")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", "1")
    )
    for name in ("JAVA_HOME", "RAYDP_TEST_MARK"):
        builder = builder.config(f"spark.executorEnv.{name}", os.environ[name])
        builder = builder.config(f"spark.yarn.appMasterEnv.{name}", os.environ[name])
    for key, value in settings.items():
        builder = builder.config(f"spark.{key.replace('_', '.')}", value)
    return builder.getOrCreate()


def converted_both_ways(spark: SparkSession) -> None:
    frame = spark.range(0, 1000, 1, 4).selectExpr("id", "cast(id as string) AS text", "array(id) AS list")
    expected = sorted(tuple(row) for row in frame.collect())
    ds = raydp.from_spark(frame)
    say("to Ray:", sorted((row["id"], row["text"], list(row["list"])) for row in ds.take_all()) == expected)
    say("to Spark:", sorted(tuple(row) for row in raydp.to_spark(ds).collect()) == expected)
    raydp.register(ds, "mine")
    say("by name:", spark.sql("SELECT sum(id) FROM ray.mine").first()[0])


start_ray(num_cpus=2)

begin_part("executors from zero")
spark = session(
    dynamicAllocation_enabled="true",
    dynamicAllocation_shuffleTracking_enabled="true",
    dynamicAllocation_shuffleTracking_timeout="3s",  # else until Java collects its garbage
    dynamicAllocation_initialExecutors="0",
    dynamicAllocation_maxExecutors="2",
    dynamicAllocation_executorIdleTimeout="3s",
)
application = spark.sparkContext.applicationId
# TCP would hide it if the executors did not find the agents' sockets.
raydp.attach(spark, exchange="shared-memory")
say("executors before:", len(executor_processes(application)))
converted_both_ways(spark)
say("idle ones end:", comes_true(lambda: executor_processes(application) == [], within=180))
say("by name, with new ones:", spark.sql("SELECT count(text) FROM ray.mine").first()[0])
spark.stop()
say("left:", len(executor_processes(application)))

begin_part("two executors")
spark = session(dynamicAllocation_enabled="false", executor_instances="2", executor_cores="1")
application = spark.sparkContext.applicationId
raydp.attach(spark, exchange="shared-memory")
converted_both_ways(spark)
say("executors:", comes_true(lambda: len(executor_processes(application)) == 2, within=240))

begin_part("a killed executor")
converted = convert_while(slow_rows(spark, ROWS, 20), executor_processes(application)[0].kill)
say("rows:", sorted(row["id"] for row in converted.take_all()) == list(range(ROWS)))
say("replaced:", comes_true(lambda: len(executor_processes(application)) == 2, within=240))
back = raydp.to_spark(converted)
say("to Spark:", back.count(), back.agg(F.sum("id")).first()[0])

begin_part("a killed agent")
(agent,) = raydp.attach(spark).exchange.directory.agents()
ray.kill(agent.handle, no_restart=True)
say("to Ray:", raydp.from_spark(spark.range(1000)).count())
say("to Spark:", back.agg(F.sum("id")).first()[0])

begin_part("the end")
folder = raydp.attach(spark).exchange.directory.folder
spark.stop()
ray.shutdown()
say("executors:", comes_true(lambda: executor_processes(application) == [], within=60))
say("sockets:", comes_true(lambda: not folder.exists(), within=60))
say("staged files:", list(Path(sys.argv[1]).glob(".sparkStaging/*")))
