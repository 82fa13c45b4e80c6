"""A program of lifecycle/test_hosts.py."""

import socket
from pathlib import Path

import pyarrow as pa
import ray
from on_hosts import ALL_HOSTS, executors, join_ray, session
from pyspark.sql import functions as F

import raydp
from raydp._application import current_application
from support import datasets
from support.scripting import say

join_ray()
Path("/tmp/only_here.py").write_text("FACTOR = 3")
# A task of its own for each larger block.
spark = session(
    2,
    2,
    **{
        "spark.locality.wait": "60s",
        "spark.sql.files.maxPartitionBytes": "1m",
        "spark.shuffle.reduceLocality.enabled": "false",
    },
)
spark.sparkContext.addPyFile("/tmp/only_here.py")
first, *others = ALL_HOSTS
names = {host.name for host in others}


def marked(rows):
    import only_here

    return ((row * only_here.FACTOR, socket.gethostname()) for row in rows)


def where(rows):
    rows = list(rows)
    yield socket.gethostname(), {origin for _, origin in rows}, sum(number for number, _ in rows)


assert {e.host for e in executors()} == {host.address for host in others}
numbers = spark.sparkContext.parallelize(range(4000), 8)
found = numbers.mapPartitions(marked).repartition(4).mapPartitions(where).collect()
assert {name for name, _, _ in found} == names and {frozenset(of) for _, of, _ in found} == {frozenset(names)}
assert sum(total for _, _, total in found) == 3 * sum(range(4000)), found
say("shuffle, files of the driver's host")

here = F.udf(socket.gethostname)
facts = spark.range(0, 400_000, 1, 4).select("id", (F.col("id") % 1000).alias("k"))
sizes = spark.range(1000).select(F.col("id").alias("k"), (F.col("id") * 2).alias("size"))
joined = facts.join(F.broadcast(sizes), "k").groupBy((F.col("k") % 7).alias("g")).agg(F.sum("size").alias("s"))
expected = [sum(2 * k * 400 for k in range(g, 1000, 7)) for g in range(7)]
assert [row.s for row in joined.orderBy("g").collect()] == expected
say("broadcast join")

made = raydp.from_spark(facts.withColumn("made_on", here()))
refs = datasets.block_refs(made)
nodes = {node["NodeID"]: node["NodeManagerHostname"] for node in ray.nodes()}
locations = ray.experimental.get_object_locations(refs)
lies_on = [{nodes[node] for node in locations[ref]["node_ids"]} for ref in refs]
assert set.union(*lies_on) == names, lies_on
tables = ray.get(refs)
assert [set(table["made_on"].to_pylist()) for table in tables] == lies_on
assert sorted(pa.concat_tables(tables)["id"].to_pylist()) == list(range(400_000))
say("blocks lie where they were made")

read = raydp.to_spark(made).withColumn("read_on", here()).groupBy("made_on", "read_on").count().collect()
# Not all: one task may read two small blocks that are on two hosts.
near = sum(row["count"] for row in read if row.made_on == row.read_on)
assert {row.made_on for row in read} == names and near > 300_000, read
raydp.register(made, "facts")
assert spark.sql("SELECT sum(id), count(*) FROM ray.facts").first()[:] == (sum(range(400_000)), 400_000)
elsewhere = ray.data.from_arrow_refs([ray.put(pa.table({"id": range(n, n + 50_000)})) for n in (0, 50_000)])
df = elsewhere.to_spark(spark)
assert df.agg(F.sum("id")).first()[0] == sum(range(100_000))
assert {row[0] for row in df.select(here()).distinct().collect()} == names
say("read where they lie, and from other hosts")

for executor in executors():
    assert Path(f"/proc/{executor.pid}/root{executor.log}").is_file(), executor
    assert not Path(executor.log).exists(), executor
say("paths are those of each host")

# Ray's own services in the application's processes; the kernel gives out higher ports.
RAYS_WORKER_PORTS = range(10002, 20000)
infos = current_application().jvm.org.apache.spark.SparkContext.getOrCreate().statusTracker().getExecutorInfos()
transfers = {(info.host(), info.port()) for info in infos}
found = set()
for host in ALL_HOSTS:
    ours = host.of_application()
    assert ours, host
    for listener in host.listeners():
        if listener.pid in ours and listener.port not in RAYS_WORKER_PORTS:
            address = listener.address.removeprefix("::ffff:")
            assert address in (host.address, "127.0.0.1"), (host, listener, ours[listener.pid])
            found.add((address, listener.port))
assert transfers <= found and len(transfers) == 3, (transfers, found)
assert {host for host, _ in transfers} == {host.address for host in ALL_HOSTS}, transfers
assert spark.sparkContext.uiWebUrl.startswith(f"http://{first.address}:")
for port in (spark.conf.get("spark.driver.port"), spark.sparkContext.uiWebUrl.rpartition(":")[2]):
    assert (first.address, int(port)) in found, (port, found)
say("listening:", sorted(found))
raydp.stop_spark()
say("end")
