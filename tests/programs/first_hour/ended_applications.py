"""A program of first_hour/test_ended_applications.py: what is left of an application is used when it has ended."""

import threading
import time
from collections.abc import Callable

from IPython.core.interactiveshell import InteractiveShell
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

import raydp
from support import applications
from support.scripting import begin_part, eventually, say, start_ray

frames: list[DataFrame] = []


def use_everything(spark: SparkSession) -> dict[str, Callable[[], object]]:
    df = spark.range(10).withColumnRenamed("id", "n")
    frames.append(df)
    column = F.col("n")
    rdd = spark.sparkContext.parallelize([1, 2])
    conf, catalog, context, reader, udf = spark.conf, spark.catalog, spark.sparkContext, spark.read, F.udf(str)
    return {
        "df.count": df.count,
        "df.collect": df.collect,
        "df.show": df.show,
        "df.toPandas": df.toPandas,
        "df.schema": lambda: df.select("n").schema,
        "df.filter": lambda: df.filter(df.n > 1),
        "df.groupBy": lambda: df.groupBy("n").count(),
        "df.cache": df.cache,
        "df.rdd": lambda: df.rdd.count(),
        "df.write": lambda: df.write.parquet("never"),
        "df.createOrReplaceTempView": lambda: df.createOrReplaceTempView("v"),
        "df.repr": lambda: repr(df),
        "column": lambda: column + 1,
        "F.col": lambda: F.col("n"),
        "F.sum": lambda: F.sum("n"),
        "F.udf": lambda: udf("n"),
        "Window": lambda: Window.partitionBy("n"),
        "spark.sql": lambda: spark.sql("SELECT 1"),
        "spark.range": lambda: spark.range(3),
        "spark.createDataFrame": lambda: spark.createDataFrame([(1,)], ["a"]),
        "spark.table": lambda: spark.table("v"),
        "spark.version": lambda: spark.version,
        "spark.newSession": spark.newSession,
        "conf.get": lambda: conf.get("spark.app.name"),
        "conf.set": lambda: conf.set("spark.sql.shuffle.partitions", "2"),
        "catalog": catalog.listTables,
        "reader": lambda: reader.parquet("never"),
        "rdd.count": rdd.count,
        "rdd.map": lambda: rdd.map(str).collect(),
        "parallelize": lambda: context.parallelize([1]),
        "broadcast": lambda: context.broadcast(1),
        "applicationId": lambda: context.applicationId,
        "from_spark": lambda: raydp.from_spark(df),
        "ui_url": raydp.ui_url,
    }


def outcome_of(action: Callable[[], object]) -> str:
    try:
        return f"{action()!r}"
    except Exception as error:
        return f"{type(error).__module__}.{type(error).__name__}: {error}"


def say_outcomes(actions: dict[str, Callable[[], object]]) -> None:
    for name, action in actions.items():
        say(f"{name}:", outcome_of(action))


start_ray(num_cpus=2)
settings = {"spark.ui.enabled": False, "spark.raydp.archiveClasses": False}

begin_part("after with")
try:
    with raydp.init_spark("with", 1, 1, "600m", configs=settings) as spark:
        dataset = raydp.from_spark(spark.range(10))
        interrupted: list[str] = []
        slow = spark.sparkContext.parallelize(range(60), 2).map(lambda row: time.sleep(1) or row)
        thread = threading.Thread(target=lambda: interrupted.append(outcome_of(slow.count)))
        thread.start()
        eventually("a job runs", spark.sparkContext.statusTracker().getActiveJobsIds)
        actions = use_everything(spark)
        say(1 // 0)
except ZeroDivisionError as error:
    say("raised:", error)
thread.join(120)
say("interrupted:", *interrupted)
say("running:", applications.driver_process(), SparkSession.getActiveSession())
say_outcomes(actions)
say("dataset:", dataset.count())
shell = InteractiveShell.instance(colors="NoColor")
shell.push({"df": frames[0]})
shell.run_cell("df")


begin_part("after a kill")
spark = raydp.init_spark("killed", 1, 1, "600m", configs=settings)
actions = use_everything(spark)
applications.driver_process().kill()
say_outcomes({name: action for name, action in actions.items() if name != "broadcast"})  # it writes a file first
with spark:
    say("the JVM is gone")

begin_part("a plain session")
with SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate() as plain:
    say("plain:", plain.range(5).filter(F.col("id") > 1).count(), plain.conf.get("spark.executor.memory", None))
    say_outcomes({"df.count": actions["df.count"], "conf.get": actions["conf.get"]})
say("F.col:", outcome_of(lambda: F.col("n")).partition(":")[0])
