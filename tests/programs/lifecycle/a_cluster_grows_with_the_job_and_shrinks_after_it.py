"""A program of lifecycle/test_autoscaling.py. Arguments: the version of Ray's autoscaler, and how long a node takes."""

import sys

import ray

import raydp
from raydp._ray.capacity import await_capacity
from support.growing_cluster import DELAY, GrowingCluster
from support.scripting import eventually, say, start_job

version, delay = sys.argv[1:]
size = {"CPU": 0, "object_store_memory": 200 * 1024**2}
small = {"resources": {**size, "CPU": 1, "memory": 4 << 30}, "node_config": {}, "min_workers": 0, "max_workers": 2}
cluster = GrowingCluster(dict(size), {"small": small}, autoscaler_v2=version == "v2", idle_timeout_minutes=0.1)
cluster.start(override_env={DELAY: delay})
ray.init("auto", log_to_driver=False)


def nodes():
    return sum(node["Alive"] for node in ray.nodes())


try:
    raydp.init_spark("t", 1, 16, "500m", configs={"spark.raydp.executor.infeasibleTimeout": "8s"})
except raydp.errors.ClusterError as error:
    say("too large:", error)

spark = raydp.init_spark(
    "t",
    0,
    1,
    "500m",
    configs={
        "spark.dynamicAllocation.enabled": True,
        "spark.dynamicAllocation.minExecutors": 0,
        "spark.dynamicAllocation.maxExecutors": 2,
        "spark.dynamicAllocation.executorIdleTimeout": "3s",
        # Spark would wait 30 s until a leaving executor looks again whether its blocks have been handed over.
        "spark.storage.decommission.replicationReattemptInterval": "1s",
    },
)
thread, result = start_job(spark, 1)
eventually("grown", lambda: nodes() == 3, state=ray.nodes)
thread.join(240)
say("result:", sorted(result))
dataset = raydp.from_spark(spark.range(1000))
say("converted:", dataset.count())
del dataset
eventually("shrunk", lambda: nodes() == 1, state=ray.nodes)
say("after:", spark.range(10).count())
raydp.stop_spark()
if delay != "0":
    await_capacity({"CPU": 1}, 2, "SPREAD", 150)
    say("training workers: 2")
ray.shutdown()
