"""A program of standalone/test_nodes_of_clusters.py: a standalone cluster on nodes of Ray that come and are lost."""

import os
import threading
import time
from collections.abc import Iterator

import pyarrow as pa
import ray
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

import raydp
from support import datasets
from support.datasets import block_refs
from support.losing_cluster import LosingCluster, nodes_of
from support.programs import variables_of
from support.scripting import begin_part, eventually, say
from support.standalone import executor_processes
from support.standalone_in_ray import status_of_master, worker_hosts

ROWS = 40
# Workers find no place on the head, where the program and the master are.
nodes = LosingCluster(head_cpus=0)


def slowly(batches: Iterator) -> Iterator:
    for batch in batches:
        time.sleep(0.5)  # a task that takes time
        yield batch


def executor_hosts() -> list[str]:
    found = (variables_of(process).get("SPARK_LOCAL_HOSTNAME", "") for process in executor_processes(application))
    return sorted(filter(None, found))


def rows_of(dataset: ray.data.Dataset, within: float = 240) -> list[int]:
    return sorted(pa.concat_tables(ray.get(block_refs(dataset), timeout=within))["id"].to_pylist())


begin_part("both nodes")
cluster = raydp.start_standalone(2, 1, "600m", timeout_seconds=240)
say("workers:", worker_hosts(cluster))
master = status_of_master(cluster)
say("master:", master.host in worker_hosts(cluster), master.node == ray.get_runtime_context().get_node_id())
os.environ["PYSPARK_SUBMIT_ARGS"] = f"--properties-file {cluster.properties_file} pyspark-shell"
options = {"spark.sql.shuffle.partitions": "3", "spark.raydp.exchange.blockSize": "1m", "spark.log.level": "ERROR"}
options["spark.sql.execution.arrow.maxRecordsPerBatch"] = "1"
spark = SparkSession.builder.config(map=options).getOrCreate()
application = spark.sparkContext.applicationId
raydp.attach(spark)
eventually("two executors", lambda: len(executor_hosts()) == 2, state=executor_hosts)
# Each executor has a task before any of them has a second one.
spark.sparkContext.parallelize(range(2), 2).map(lambda row: time.sleep(1) or row).count()
small = raydp.from_spark(spark.range(0, 800_000, 1, 8))
say("blocks on nodes:", len(nodes_of(block_refs(small))), rows_of(small) == list(range(800_000)))
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
nodes.lose_node_at(address)
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
say("executors:", datasets.eventually(lambda: not executor_processes(application), within=60))
nodes.shutdown()
