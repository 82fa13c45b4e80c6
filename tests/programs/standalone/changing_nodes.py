"""A program of standalone/test_nodes_of_clusters.py: nodes come and are lost in a conversion, and when sizes change."""

import threading
import time
from collections.abc import Iterator

import ray
from on_nodes import application, cluster, executor_hosts, nodes, rows_of, spark

import raydp
from support.scripting import begin_part, eventually, say
from support.standalone_in_ray import worker_hosts

ROWS = 40


def slowly(batches: Iterator) -> Iterator:
    for batch in batches:
        time.sleep(0.5)  # a task that takes time
        yield batch


begin_part("lost in a conversion")
slow = spark.range(0, ROWS, 1, 20).mapInPandas(slowly, "id long")
result: list[ray.data.Dataset] = []
thread = threading.Thread(target=lambda: result.append(raydp.from_spark(slow)))
thread.start()
tracker = spark.sparkContext.statusTracker()


def at_work() -> bool:
    stages = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
    return sum(stage.numCompletedTasks for stage in stages if stage) >= 4


eventually("converting", at_work)
nodes.lose_node_at(executor_hosts()[0])
another = nodes.add_node()
thread.join(240)
say("rows:", rows_of(result[0]) == list(range(ROWS)))
eventually("a worker on the new node", lambda: another in worker_hosts(cluster), state=lambda: cluster)

begin_part("sizes")
say("smaller:", cluster.scale(1, timeout_seconds=120), len(worker_hosts(cluster)))
say("works:", spark.range(0, 1000, 1, 4).count())
cluster.scale(3, timeout_seconds=0)
eventually("two, and one that waits for a node", lambda: len(worker_hosts(cluster)) == 2, state=lambda: cluster)
third = nodes.add_node()
say("with another node:", cluster.scale(3, timeout_seconds=120), third in worker_hosts(cluster))
say("no worker:", cluster.scale(0, timeout_seconds=120), cluster.num_workers)
say("again:", cluster.scale(2, timeout_seconds=120), len(worker_hosts(cluster)))
say("works:", spark.range(0, 1000, 1, 4).count())
say("to Ray and back:", raydp.to_spark(raydp.from_spark(spark.range(0, 1000, 1, 4))).count())

begin_part("the end")
say("same application:", spark.sparkContext.applicationId == application)
spark.stop()
cluster.stop()
nodes.shutdown()
