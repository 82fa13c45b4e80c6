"""A program of standalone/test_clusters_on_hosts.py: a standalone cluster with a worker on each of two hosts."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyspark
import ray
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

import raydp
from support import datasets, hosts, programs
from support.scripting import eventually, say
from support.standalone_in_ray import worker_hosts

addresses = [host.address for host in hosts.of_program()]
names = {host.name for host in hosts.of_program()}
here = socket.gethostbyname(socket.gethostname())
# Ray looks for its node among all processes that it sees, and these hosts share their processes' ids.
ray.init(sys.argv[1], _node_ip_address=here, log_to_driver=False, logging_level="WARNING")
cluster = raydp.start_standalone(2, 1, "600m", timeout_seconds=240)
say("workers:", worker_hosts(cluster) == addresses, "master:", cluster.master_url.startswith(f"spark://{here}:"))

job = Path(__file__).with_name("plain_job.py")
submit = Path(pyspark.__file__).parent / "bin" / "spark-submit"
command = [str(submit), "--properties-file", str(cluster.properties_file), str(job)]
done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
say("submitted:", done.stdout.strip() if done.returncode == 0 else done.stderr[-3000:])

os.environ["PYSPARK_SUBMIT_ARGS"] = f"--properties-file {cluster.properties_file} pyspark-shell"
options = {"spark.sql.shuffle.partitions": "4", "spark.raydp.exchange.blockSize": "1m"}
spark = SparkSession.builder.config(map=options).getOrCreate()
raydp.attach(spark)
where = F.udf(socket.gethostname)
eventually("both hosts run tasks", lambda: spark.range(0, 8, 1, 8).select(where()).distinct().count() == 2)
facts = spark.range(0, 400_000, 1, 4).select("id", where().alias("made_on"))
made = raydp.from_spark(facts)
refs = datasets.block_refs(made)
nodes = {node["NodeID"]: node["NodeManagerHostname"] for node in ray.nodes()}
locations = ray.experimental.get_object_locations(refs)
lies_on = [{nodes[node] for node in locations[ref]["node_ids"]} for ref in refs]
tables = ray.get(refs)
say("blocks lie where they were made:", [set(table["made_on"].to_pylist()) for table in tables] == lies_on)
say("on both hosts:", set.union(*lies_on) == names)
say("rows:", sorted(pa.concat_tables(tables)["id"].to_pylist()) == list(range(400_000)))
say("back:", raydp.to_spark(made).agg(F.sum("id")).first()[0] == sum(range(400_000)))

daemons = {"org.apache.spark.deploy.master.Master", "org.apache.spark.deploy.worker.Worker"}
for host in hosts.of_program():
    found = {one.pid for one in host.processes() if daemons & set(programs.words_of(one))}
    listening = {one.address.removeprefix("::ffff:") for one in host.listeners() if one.pid in found}
    say("daemons listen at:", listening == {host.address})
say("ready")
sys.stdin.readline()
spark.stop()
cluster.stop()
say("end")
