"""A program of exchange/test_lost_nodes.py."""

import pyarrow as pa
import ray
from losing_nodes import LosingCluster

import raydp
from support.datasets import block_refs
from support.scripting import say

cluster = LosingCluster()
spark = cluster.session(fault_tolerant_mode=False)
raydp.from_spark(spark.range(1000).repartition(8)).count()
refs = block_refs(raydp.from_spark(spark.range(0, 4_000_000, 1, 4)))
recoverable = raydp.spark.from_spark_recoverable(spark.range(0, 2_000_000, 1, 4))
cluster.lose_node(refs)
cluster.add_node()
try:
    ray.get(refs, timeout=120)
    say("nothing was lost")
except ray.exceptions.ObjectLostError as error:
    say("lost:", type(error).__name__)
assert sorted(pa.concat_tables(ray.get(block_refs(recoverable), timeout=240)).column("id").to_pylist()) == list(
    range(2_000_000)
)
say("recovered")
cluster.shutdown()
say("ended")
