"""A program of lifecycle/test_resources.py."""

import time

import ray
from pyspark import TaskContext

import raydp
from support.scripting import say, start_ray

start_ray(num_cpus=3, num_gpus=2, resources={"disk": 2, "licence": 2})
node = f"node:{ray.util.get_node_ip_address()}"
spark = raydp.init_spark(
    "t",
    2,
    1,
    "500m",
    configs={
        "spark.executor.resource.gpu.amount": 1,
        "spark.task.resource.gpu.amount": 1,
        "spark.raydp.executor.resource.cpu": 0.5,
        "spark.raydp.executor.resource.licence": 0.25,
        "spark.ray.raydp_spark_executor.actor.resource.disk": 1,
        f"spark.raydp.executor.resource.{node}": 0.01,
    },
)
raydp.scale(2)


def look(rows):
    time.sleep(1)  # each executor gets a task
    gpu = TaskContext.get().resources()["gpu"]
    yield gpu.name, tuple(gpu.addresses)


seen = set(spark.sparkContext.parallelize(range(4), 4).mapPartitions(look).collect())
say("gpus:", sorted(seen))
whole, free = ray.cluster_resources(), ray.available_resources()
say("used:", {name: round(whole[name] - free.get(name, 0), 2) for name in ("CPU", "GPU", "disk", "licence")})
say("node:", round(whole[node] - free[node], 3))
raydp.stop_spark()
for wrong in ({"spark.raydp.executor.resource.CPU": 1.5}, {"spark.raydp.executor.resource.disk": "some"}):
    try:
        raydp.init_spark("t", 1, 1, "500m", configs=wrong)
    except raydp.errors.InvalidArgumentError as error:
        say("refused:", error)
