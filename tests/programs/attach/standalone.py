"""A program of attach/test_standalone.py: an application on a standalone cluster, attached to Ray on its machine."""

import subprocess
import sys
from pathlib import Path

import ray
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

import raydp
from support.datasets import eventually as comes_true
from support.scripting import begin_part, say, start_ray
from support.slow_conversions import convert_while, slow_rows
from support.standalone import executor_processes

ROWS = 40


spark = (
    SparkSession.builder.master(sys.argv[1])
    .config("spark.ui.enabled", "false")
    .config("spark.executor.memory", "500m")
    .config("spark.executor.cores", "1")
    .config("spark.cores.max", "2")
    .config("spark.sql.shuffle.partitions", "2")
    .config("spark.sql.execution.arrow.maxRecordsPerBatch", "1")
    .getOrCreate()
)
application = spark.sparkContext.applicationId

begin_part("conversions")
start_ray(num_cpus=2)
raydp.attach(spark)
frame = spark.range(0, 1000, 1, 4).selectExpr("id", "cast(id as string) as text", "array(id) as list", "id % 3 as k")
expected = sorted(tuple(row) for row in frame.collect())
ds = raydp.from_spark(frame)
say("to Ray:", sorted((row["id"], row["text"], list(row["list"]), row["k"]) for row in ds.take_all()) == expected)
back = raydp.to_spark(ds)
say("to Spark:", sorted(tuple(row) for row in back.collect()) == expected)
say("joined:", back.join(frame, "id").groupBy(back.k).agg(F.count("*").alias("n")).orderBy("k").collect())
say("executors:", len(executor_processes(application)))

begin_part("another application at once")
raydp.register(ds, "shared_name")
guest = [sys.executable, str(Path(__file__).with_name("guest.py")), sys.argv[1], ray.get_runtime_context().gcs_address]
done = subprocess.run(guest, capture_output=True, text=True, timeout=240, check=False)
say("it said:", done.stdout.strip() if done.returncode == 0 else done.stderr[-3000:])
say("this one:", raydp.from_spark(frame).count(), spark.table("ray.shared_name").count())
folder = raydp.attach(spark).exchange.directory.folder
say("folders of sockets:", [path == folder for path in folder.parent.iterdir()])
raydp.unregister("shared_name")

begin_part("a killed executor")
converted = convert_while(slow_rows(spark, ROWS, 20), executor_processes(application)[0].kill)
say("rows:", sorted(row["id"] for row in converted.take_all()) == list(range(ROWS)))
say("replaced:", comes_true(lambda: len(executor_processes(application)) == 2, within=90))
say("to Spark:", back.count(), back.agg(F.sum("id")).first()[0])

begin_part("a killed agent")
(agent,) = raydp.attach(spark).exchange.directory.agents()
ray.kill(agent.handle, no_restart=True)
say("to Ray:", raydp.from_spark(frame).count())
say("to Spark:", back.agg(F.sum("id")).first()[0])

begin_part("the end")
spark.stop()
ray.shutdown()
say("left:", len(executor_processes(application)))
