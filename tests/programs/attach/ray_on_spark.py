"""A program of attach/test_ray_on_spark.py: Ray's nodes run in the executors of the application that attaches."""

# ruff: noqa: E402
import os
import secrets
import sys

import numpy as np
from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F

# Ray reads its variables when it is imported.
VARIABLES = {
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),
    "RAY_ON_SPARK_RAY_WORKER_NODE_STARTUP_INTERVAL": "1",
}
os.environ.update(VARIABLES)

import ray
from ray.util.spark import setup_ray_cluster, shutdown_ray_cluster

import raydp
from support.datasets import eventually as comes_true
from support.line_fit import say_learned_line
from support.scripting import begin_part, say
from support.standalone import executor_processes

MIB = 1024**2

builder = SparkSession.builder.master("local-cluster[2,2,1024]")
options = {"spark.ui.enabled": "false", "spark.executor.memory": "600m", "spark.sql.shuffle.partitions": "2"}
for name, value in (options | {f"spark.executorEnv.{name}": value for name, value in VARIABLES.items()}).items():
    builder = builder.config(name, value)
spark = builder.getOrCreate()
application = spark.sparkContext.applicationId

begin_part("Ray's nodes")
setup_ray_cluster(
    max_worker_nodes=2,
    num_cpus_worker_node=1,
    num_gpus_worker_node=0,
    memory_worker_node=512 * MIB,
    memory_head_node=512 * MIB,
    object_store_memory_worker_node=128 * MIB,
    object_store_memory_head_node=128 * MIB,
    head_node_options={"include_dashboard": False},
    ray_temp_root_dir=sys.argv[1],
)
ray.init(logging_level="WARNING", log_to_driver=False)
attachment = raydp.attach(spark)
say("nodes:", len([node for node in ray.nodes() if node["Alive"]]))

begin_part("conversions")
frame = spark.range(0, 1000, 1, 8).selectExpr("id", "cast(id as string) as text", "id % 3 as k")
expected = sorted(tuple(row) for row in frame.collect())
ds = raydp.from_spark(frame)
say("to Ray:", sorted((row["id"], row["text"], row["k"]) for row in ds.take_all()) == expected)
say("agents:", len(attachment.exchange.directory.agents()))
back = raydp.to_spark(ds.map_batches(lambda batch: {"twice": batch["id"] * 2}))
say("to Spark:", back.agg(F.sum("twice")).first()[0])
rdd = spark.sparkContext.range(6).map(lambda n: Row(n=n, x=np.array([n, n + 0.5])))
say("an RDD:", [(row["n"], list(row["x"])) for row in raydp.from_spark(rdd).take_all()][-1])
say_learned_line(spark)

begin_part("the end")
shutdown_ray_cluster()
say("usable:", attachment.is_usable())
say("Spark goes on:", frame.count())
spark.stop()
say("left:", not comes_true(lambda: not executor_processes(application), within=30))
