"""A program of exchange/test_lost_nodes.py."""

import gc
import time

import pyarrow as pa
import ray
from losing_nodes import LosingCluster
from pyspark.sql import functions as F

import raydp
from support.applications import lineages
from support.datasets import block_refs
from support.scripting import say

cluster = LosingCluster()
spark = cluster.session()
raydp.from_spark(spark.range(1000).repartition(8)).count()
wide = spark.range(0, 4_000_000, 1, 4).select("id", (F.col("id") * 3).alias("m"))
shuffled = wide.groupBy((F.col("id") % 500_000).alias("k")).agg(F.sum("m").alias("total"))
plain_set, shuffled_set = raydp.from_spark(wide), raydp.from_spark(shuffled)
refs, expected = block_refs(shuffled_set), raydp.from_spark(shuffled)
before = pa.concat_tables(ray.get(block_refs(expected)))
del expected
cluster.lose_node(block_refs(plain_set))
cluster.add_node()
started = time.monotonic()
table = pa.concat_tables(ray.get(block_refs(plain_set), timeout=240))
say("read again after", round(time.monotonic() - started), "s")
assert table.column("id").to_pylist() == list(range(4_000_000))
assert table.column("m").to_pylist() == list(range(0, 12_000_000, 3))
say("plain")
# Ray Data's tasks get the blocks as arguments. Spark reads the result.
assert shuffled_set.sum("total") == sum(before.column("total").to_pylist())
assert pa.concat_tables(ray.get(refs)).sort_by("k").equals(before.sort_by("k"))
assert raydp.to_spark(shuffled_set).agg(F.sum("k")).collect()[0][0] == sum(range(500_000))
say("shuffled")
# Ray Data lost the results that it computed from the blocks, and needs the blocks again for them.
assert lineages() >= 2
del plain_set, shuffled_set, refs, table
gc.collect()
deadline = time.monotonic() + 60
while lineages() and time.monotonic() < deadline:
    time.sleep(0.5)
say("lineages left:", lineages())
cluster.shutdown()
say("ended")
