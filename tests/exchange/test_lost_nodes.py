"""Blocks that were on a node that died: Spark makes them again, unless it was told not to."""

from __future__ import annotations

import pytest

from support.programs import run

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

# The driver and its session live on the head node, the executors, the agents and the blocks on the others.
PROGRAM = """
import gc, threading
import pyarrow as pa
from pyspark.sql import functions as F
from ray.cluster_utils import Cluster

STORE = 150 * 1024**2
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": STORE,
                  "include_dashboard": False, "resources": {"head": 1}})

addresses = iter(range(2, 100))

def add_node():
    # An address of its own, because a driver takes any node that has its address for its own.
    return cluster.add_node(num_cpus=1, object_store_memory=STORE, resources={"worker": 1},
                            node_ip_address=f"127.0.0.{next(addresses)}")

nodes = [add_node(), add_node()]
cluster.wait_for_nodes()
ray.init(address=cluster.address, log_to_driver=False, logging_level="WARNING")

def session(**options):
    return raydp.init_spark("lost nodes", 2, 1, "500m", configs={
        "spark.ui.enabled": "false", "spark.log.level": "ERROR", "spark.sql.shuffle.partitions": "3",
        "spark.ray.raydp_spark_executor.actor.resource.worker": "1",
        "spark.raydp.exchange.blockSize": "4m"}, **options)

refs_of = datasets.block_refs

def nodes_of(refs):
    found = ray.experimental.get_object_locations(refs)
    return {node for ref in refs for node in found[ref].get("node_ids", [])}

def lose_a_node(refs):
    holding = nodes_of(refs)
    assert len(holding) == 2, holding
    gone = next(node for node in nodes if node.node_id in holding)
    nodes.remove(gone)
    cluster.remove_node(gone, allow_graceful=False)
"""

ENDING = """
raydp.stop_spark()
ray.shutdown()
cluster.shutdown()
say("ended")
"""


def outcome_of(source: str) -> str:
    outcome = run(PROGRAM + source + ENDING, timeout=400)
    assert outcome.code == 0, outcome.everything
    assert "ended" in outcome.output, outcome.everything
    return outcome.output


def test_lost_blocks_are_made_again() -> None:
    output = outcome_of("""
spark = session()
raydp.from_spark(spark.range(1000).repartition(8)).count()
wide = spark.range(0, 4_000_000, 1, 4).select("id", (F.col("id") * 3).alias("m"))
shuffled = wide.groupBy((F.col("id") % 500_000).alias("k")).agg(F.sum("m").alias("total"))
plain_set, shuffled_set = raydp.from_spark(wide), raydp.from_spark(shuffled)
refs, expected = refs_of(shuffled_set), raydp.from_spark(shuffled)
before = pa.concat_tables(ray.get(refs_of(expected)))
del expected
lose_a_node(refs_of(plain_set))
nodes.append(add_node())
started = time.monotonic()
table = pa.concat_tables(ray.get(refs_of(plain_set), timeout=240))
say("read again after", round(time.monotonic() - started), "s")
assert table.column("id").to_pylist() == list(range(4_000_000))
assert table.column("m").to_pylist() == list(range(0, 12_000_000, 3))
say("plain")
# Ray Data's own tasks, which get the blocks as arguments; and back to Spark.
assert shuffled_set.sum("total") == sum(before.column("total").to_pylist())
assert pa.concat_tables(ray.get(refs)).sort_by("k").equals(before.sort_by("k"))
assert raydp.to_spark(shuffled_set).agg(F.sum("k")).collect()[0][0] == sum(range(500_000))
say("shuffled")
# What Ray Data made of the blocks, and lost with them, needs them once more.
exchange = raydp._application.current_application().exchange
assert exchange.lineages.count() >= 2
del plain_set, shuffled_set, refs, table
gc.collect()
deadline = time.monotonic() + 60
while exchange.lineages.count() and time.monotonic() < deadline:
    time.sleep(0.5)
say("lineages left:", exchange.lineages.count())
""")
    assert all(line in output for line in ("plain", "shuffled", "lineages left: 0")), output


def test_without_fault_tolerance_ray_says_that_the_blocks_are_lost() -> None:
    output = outcome_of("""
spark = session(fault_tolerant_mode=False)
raydp.from_spark(spark.range(1000).repartition(8)).count()
refs = refs_of(raydp.from_spark(spark.range(0, 4_000_000, 1, 4)))
recoverable = raydp.spark.from_spark_recoverable(spark.range(0, 2_000_000, 1, 4))
lose_a_node(refs)
nodes.append(add_node())
try:
    ray.get(refs, timeout=120)
    say("nothing was lost")
except ray.exceptions.ObjectLostError as error:
    say("lost:", type(error).__name__)
assert sorted(pa.concat_tables(ray.get(refs_of(recoverable), timeout=240)).column("id").to_pylist()) == list(
    range(2_000_000))
say("recovered")
""")
    assert all(line in output for line in ("lost:", "recovered")), output
