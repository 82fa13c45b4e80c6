"""A program of exchange/test_several_nodes.py: three applications on one cluster, which loses nodes."""

import gc
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import ray
from pyspark import TaskContext
from pyspark.sql import functions as F

import raydp
from raydp._application import current_application
from support import datasets
from support.applications import lineages
from support.datasets import block_refs
from support.losing_cluster import LosingCluster
from support.scripting import begin_part, eventually, say

SLOW_SECONDS = 240
cluster = LosingCluster()


def session(*, fault_tolerant_mode=True, **configs):
    return raydp.init_spark(
        "lost nodes",
        2,
        1,
        "500m",
        configs={
            "spark.ui.enabled": "false",
            "spark.log.level": "ERROR",
            "spark.sql.shuffle.partitions": "3",
            "spark.ray.raydp_spark_executor.actor.resource.worker": "1",
            "spark.raydp.exchange.blockSize": "4m",
            **configs,
        },
        fault_tolerant_mode=fault_tolerant_mode,
    )


def speculate():
    """Spark runs a second attempt on another host only."""
    spark = session(
        **{
            "spark.speculation": "true",
            "spark.speculation.interval": "100ms",
            "spark.speculation.quantile": 0.5,
            "spark.speculation.multiplier": 1.2,
            "spark.speculation.minTaskRuntime": "1s",
            "spark.raydp.exchange.blockSize": "1m",
        }
    )
    begun = Path(tempfile.mkdtemp())

    # The first attempt at partition 1 sends some blocks, and is slow with the others.
    def pieces(batches):
        context = TaskContext.get()
        slow = context.partitionId() == 1 and context.attemptNumber() == 0
        (begun / f"{context.partitionId()}-{context.attemptNumber()}").touch()
        for number in range(10):
            if slow and number == 5:
                time.sleep(SLOW_SECONDS)
            start = context.partitionId() * 10**6 + number * 10**5
            yield pa.record_batch([pa.array(range(start, start + 10**5), pa.int64())], ["n"])

    started = time.monotonic()
    dataset = raydp.from_spark(spark.range(0, 2, 1, 2).mapInArrow(pieces, "n long"))
    say("waited for the slow attempt:", time.monotonic() - started > SLOW_SECONDS)
    say("attempts:", sorted(path.name for path in begun.iterdir()))
    say("rows:", datasets.table_of(dataset).column("n").to_pylist() == list(range(2 * 10**6)))
    used = datasets.store_bytes_used
    # Copies on the driver's node, for this process, count as well.
    eventually("the rest is freed", lambda: used() < 34e6, state=used)
    del dataset
    gc.collect()
    eventually("all is freed", lambda: used() < 1e6, state=used)
    raydp.stop_spark()


def recompute():
    spark = session()
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
    # The executor that is left has the only core. The tasks that wait for lost blocks must not keep it.
    eventually("two executors", lambda: len(current_application().status().registered) == 2)
    small = raydp.from_spark(spark.range(0, 800_000, 1, 8))
    cluster.lose_node(block_refs(small))
    started = time.monotonic()
    assert raydp.to_spark(small).agg(F.sum("id")).collect()[0][0] == sum(range(800_000))
    say("one core:", "in time" if time.monotonic() - started < 200 else "late")
    cluster.add_node()
    # Ray Data lost the results that it computed from the blocks, and needs the blocks again for them.
    assert lineages() >= 2
    del plain_set, shuffled_set, small, refs, table
    gc.collect()
    datasets.eventually(lambda: lineages() == 0)
    say("lineages left:", lineages())
    raydp.stop_spark()


def lose():
    spark = session(fault_tolerant_mode=False)
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


begin_part("two attempts at once")
speculate()
begin_part("lost blocks")
recompute()
begin_part("without fault tolerance")
lose()
raydp.stop_spark()
cluster.shutdown()
begin_part("ended")
say("ended")
