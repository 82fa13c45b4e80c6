"""A session on a standalone cluster with a worker on each of two nodes, which come and are lost."""

import os

import pyarrow as pa
import ray
from pyspark.sql import SparkSession

import raydp
from support.datasets import block_refs
from support.losing_cluster import LosingCluster
from support.programs import variables_of
from support.scripting import eventually
from support.standalone import executor_processes

__all__ = ["application", "cluster", "executor_hosts", "nodes", "rows_of", "spark"]


def executor_hosts() -> list[str]:
    """Return the address of each executor, in order."""
    found = (variables_of(process).get("SPARK_LOCAL_HOSTNAME", "") for process in executor_processes(application))
    return sorted(filter(None, found))


def rows_of(dataset: ray.data.Dataset) -> list[int]:
    """Return the column ``id`` of a Dataset, in order."""
    return sorted(pa.concat_tables(ray.get(block_refs(dataset), timeout=240))["id"].to_pylist())


# Workers find no place on the head, where the program and the master are.
nodes = LosingCluster(head_cpus=0)
cluster = raydp.start_standalone(2, 1, "600m", timeout_seconds=240)
os.environ["PYSPARK_SUBMIT_ARGS"] = f"--properties-file {cluster.properties_file} pyspark-shell"
_options = {
    "spark.sql.shuffle.partitions": "3",
    "spark.raydp.exchange.blockSize": "1m",
    "spark.log.level": "ERROR",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "1",
}
spark = SparkSession.builder.config(map=_options).getOrCreate()
application = spark.sparkContext.applicationId
raydp.attach(spark)
eventually("two executors", lambda: len(executor_hosts()) == 2, state=executor_hosts)
