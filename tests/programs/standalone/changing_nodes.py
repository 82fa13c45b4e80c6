"""A program of standalone/test_nodes_of_clusters.py: nodes come and are lost in a conversion, and when sizes change."""

from on_nodes import application, cluster, executor_hosts, nodes, rows_of, spark

import raydp
from support.scripting import begin_part, eventually, say
from support.slow_conversions import convert_while, slow_rows
from support.standalone_in_ray import worker_hosts

ROWS = 40


begin_part("lost in a conversion")
added: list[str] = []


def replace_node() -> None:
    nodes.lose_node_at(executor_hosts()[0])
    added.append(nodes.add_node())


say("rows:", rows_of(convert_while(slow_rows(spark, ROWS, 20), replace_node, after_tasks=4)) == list(range(ROWS)))
[another] = added
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
