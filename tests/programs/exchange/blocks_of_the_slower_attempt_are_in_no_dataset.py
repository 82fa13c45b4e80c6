"""A program of exchange/test_speculation.py."""

import gc
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import ray
from pyspark import TaskContext
from ray.cluster_utils import Cluster

import raydp
from support import datasets
from support.scripting import eventually, say

# Spark runs a second attempt on another host only.
cluster = Cluster(
    initialize_head=True,
    head_node_args={"num_cpus": 1, "include_dashboard": False, "object_store_memory": 100 * 1024**2},
)
for number in (2, 3):
    cluster.add_node(
        num_cpus=1, object_store_memory=100 * 1024**2, resources={"worker": 1}, node_ip_address=f"127.0.0.{number}"
    )
cluster.wait_for_nodes()
ray.init(address=cluster.address, log_to_driver=False, logging_level="WARNING")
spark = raydp.init_spark(
    "speculation",
    2,
    1,
    "600m",
    configs={
        "spark.raydp.executor.resource.worker": "1",
        "spark.ui.enabled": "false",
        "spark.log.level": "ERROR",
        "spark.speculation": "true",
        "spark.speculation.interval": "100ms",
        "spark.speculation.quantile": 0.5,
        "spark.speculation.multiplier": 1.2,
        "spark.speculation.minTaskRuntime": "1s",
        "spark.raydp.exchange.blockSize": "1m",
    },
)
begun = Path(tempfile.mkdtemp())


# The first attempt at partition 1 sends some blocks, and is slow with the others.
def pieces(batches):
    context = TaskContext.get()
    slow = context.partitionId() == 1 and context.attemptNumber() == 0
    (begun / f"{context.partitionId()}-{context.attemptNumber()}").touch()
    for number in range(10):
        if slow and number == 5:
            time.sleep(60)
        start = context.partitionId() * 10**6 + number * 10**5
        yield pa.record_batch([pa.array(range(start, start + 10**5), pa.int64())], ["n"])


started = time.monotonic()
dataset = raydp.from_spark(spark.range(0, 2, 1, 2).mapInArrow(pieces, "n long"))
say("waited for the slow attempt:", time.monotonic() - started > 60)
say("attempts:", sorted(path.name for path in begun.iterdir()))
say("rows:", datasets.table_of(dataset).column("n").to_pylist() == list(range(2 * 10**6)))
used = datasets.store_bytes_used
# Copies on the driver's node, for this process, count as well.
eventually("the rest is freed", lambda: used() < 34e6, seconds=60, state=used)
del dataset
gc.collect()
eventually("all is freed", lambda: used() < 1e6, seconds=60, state=used)
raydp.stop_spark()
ray.shutdown()
cluster.shutdown()
