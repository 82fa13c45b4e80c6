"""A program of standalone/test_nodes_of_clusters.py: a standalone cluster that loses a node and gets another one."""

import time

import ray
from on_nodes import application, cluster, executor_hosts, nodes, spark
from pyspark.sql import functions as F

import raydp
from support import datasets
from support.datasets import block_refs
from support.losing_cluster import nodes_of
from support.scripting import begin_part, eventually, say
from support.standalone import executor_processes
from support.standalone_in_ray import status_of_master, worker_hosts

begin_part("both nodes")
say("workers:", worker_hosts(cluster))
master = status_of_master(cluster)
say("master:", master.host in worker_hosts(cluster), master.node == ray.get_runtime_context().get_node_id())
# Each executor has a task before any of them has a second one.
spark.sparkContext.parallelize(range(2), 2).map(lambda row: time.sleep(1) or row).count()
small = raydp.from_spark(spark.range(0, 800_000, 1, 8))
# The program must not read them itself: its node would keep a copy of what gets lost later.
say("blocks on nodes:", len(nodes_of(block_refs(small))))
say("read:", raydp.to_spark(small).agg(F.sum("id")).first()[0] == sum(range(800_000)))

begin_part("lost blocks")
# The executor that is left has the only core. The tasks that wait for lost blocks must not keep it.
nodes.lose_node(block_refs(small))
started = time.monotonic()
say("read:", raydp.to_spark(small).agg(F.sum("id")).first()[0] == sum(range(800_000)))
say("in time:", time.monotonic() - started < 200)
say("workers:", cluster.scale(2, timeout_seconds=0), "of", cluster.num_workers)

begin_part("another node")
address = nodes.add_node()
eventually("a worker there", lambda: address in worker_hosts(cluster), state=lambda: cluster)
eventually("an executor there", lambda: address in executor_hosts(), state=executor_hosts)
say("to Ray and back:", raydp.to_spark(raydp.from_spark(spark.range(0, 1000, 1, 4))).count())

begin_part("the end")
say("same application:", spark.sparkContext.applicationId == application)
spark.stop()
cluster.stop()
say("executors:", datasets.eventually(lambda: not executor_processes(application), within=60))
nodes.shutdown()
