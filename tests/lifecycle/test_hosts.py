"""An application whose nodes are different hosts, and what it does when the network between them fails."""

from __future__ import annotations

import textwrap
import threading
import time
from typing import TYPE_CHECKING

import pytest

from support import datasets, hosts, programs

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(hosts.reason_to_skip() is not None, reason=str(hosts.reason_to_skip())),
]

_STORE = 100 * 1024**2
_PROGRAM_SECONDS = 480
_START_NODES = "start the nodes that ended"

# Ray's own limits, which it keeps by itself, made short.
_RAY = {
    # A node is dead after five checks in a row without an answer: 15 s (by default 65 s).
    "health_check_initial_delay_ms": 1000,
    "health_check_period_ms": 1000,
    "health_check_timeout_ms": 2000,
    # A node that does not reach Ray's head ends: looks every 5 s, takes the connection for broken after 10 s and
    # waits for another one for 10 s (by default 60, 120 and 60 s).
    "raylet_liveness_self_check_interval_ms": 5000,
    "grpc_client_keepalive_timeout_ms": 10_000,
    "gcs_rpc_server_reconnect_timeout_s": 10,
}


@pytest.fixture(scope="module")
def ray_hosts() -> Iterator[hosts.RayHosts]:
    """Three hosts; the first has Ray's head and no executors, which need the resource ``worker``."""
    sizes = ["--num-cpus=2", f"--object-store-memory={_STORE}"]
    with hosts.network(3) as network:
        first, *others = network
        cluster = hosts.RayHosts(
            network,
            options={first: sizes, **{host: [*sizes, '--resources={"worker": 2}'] for host in others}},
            settings=_RAY,
        )
        yield cluster
        cluster.end()


PRELUDE = f"""
START_NODES = {_START_NODES!r}
"""
PRELUDE += """
import socket
from pathlib import Path
import pyarrow as pa
from pyspark.sql import functions as F
from raydp._application import current_application

def join_ray():
    # Ray looks for its node among all processes that it sees, and these hosts share their processes' ids.
    here = socket.gethostbyname(socket.gethostname())
    ray.init("ADDRESS", _node_ip_address=here, log_to_driver=False, logging_level="WARNING")

# Each host but the first has 2 of the resource "worker".
def session(count, workers_of_each, **configs):
    spark = raydp.init_spark("hosts", count, 1, "600m", configs={
        "spark.log.level": "ERROR", "spark.sql.shuffle.partitions": "4",
        "spark.raydp.executor.resource.worker": str(workers_of_each),
        "spark.raydp.exchange.blockSize": "1m", **configs})
    eventually("all executors", lambda: len(executors()) == count, state=lambda: application().status())
    return spark

def application():
    return current_application()

def executors_on(host):
    return [e for e in executors() if e.host == host.address]

# Begins a job and waits until tasks of it run on all executors.
def begin_job(spark, seconds):
    thread, result = start_job(spark, seconds)
    tracker = spark.sparkContext.statusTracker()
    def at_work():
        stages = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
        return sum(stage.numActiveTasks for stage in stages if stage) == len(executors())
    eventually("the job is at work", at_work)
    def end(within):
        thread.join(within)
        assert sorted(result) == [(0, 20), (1, 20), (2, 20)], (thread.is_alive(), result, application().status())
    return end

def executors():
    return application().status().registered
"""


def start(cluster: hosts.RayHosts, host: hosts.Host, source: str, log: Path) -> subprocess.Popen[str]:
    return cluster.start_program(host, PRELUDE.replace("ADDRESS", cluster.address) + textwrap.dedent(source), log)


def run(cluster: hosts.RayHosts, source: str, log: Path) -> None:
    """Run a program on the first host to its end; start nodes whenever it asks for them."""
    cluster.start()
    process = start(cluster, cluster.hosts[0], source, log)
    limit = threading.Timer(_PROGRAM_SECONDS, programs.kill_session, [process.pid])
    limit.start()
    try:
        assert process.stdout is not None
        output = []
        for line in process.stdout:
            output.append(line)
            if line.strip() == _START_NODES:
                cluster.start()
        # Ray may say of the nodes that were lost after that.
        assert process.wait() == 0 and "end\n" in output, f"{''.join(output)}\n{log.read_text()[-20_000:]}"
        print(*output)
    finally:
        limit.cancel()
        programs.kill_session(process.pid)


def test_data_crosses_hosts_and_nothing_listens_beside_their_own_addresses(
    ray_hosts: hosts.RayHosts, tmp_path: Path
) -> None:
    run(
        ray_hosts,
        """
        join_ray()
        Path("/tmp/only_here.py").write_text("FACTOR = 3")
        # A task of its own for each larger block.
        spark = session(2, 2, **{"spark.locality.wait": "60s", "spark.sql.files.maxPartitionBytes": "1m",
                                 "spark.shuffle.reduceLocality.enabled": "false"})
        spark.sparkContext.addPyFile("/tmp/only_here.py")
        first, *others = all_hosts
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
        # Not all: two small blocks of one task may lie on two hosts.
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
        infos = application().jvm.org.apache.spark.SparkContext.getOrCreate().statusTracker().getExecutorInfos()
        transfers = {(info.host(), info.port()) for info in infos}
        found = set()
        for host in all_hosts:
            ours = host.of_application()
            assert ours, host
            for listener in host.listeners():
                if listener.pid in ours and listener.port not in RAYS_WORKER_PORTS:
                    address = listener.address.removeprefix("::ffff:")
                    assert address in (host.address, "127.0.0.1"), (host, listener, ours[listener.pid])
                    found.add((address, listener.port))
        assert transfers <= found and len(transfers) == 3, (transfers, found)
        assert {host for host, _ in transfers} == {host.address for host in all_hosts}, transfers
        assert spark.sparkContext.uiWebUrl.startswith(f"http://{first.address}:")
        for port in (spark.conf.get("spark.driver.port"), spark.sparkContext.uiWebUrl.rpartition(":")[2]):
            assert (first.address, int(port)) in found, (port, found)
        say("listening:", sorted(found))
        raydp.stop_spark()
        say("end")
        """,
        tmp_path / "log",
    )


def test_jobs_finish_though_hosts_are_cut_off_or_stop(ray_hosts: hosts.RayHosts, tmp_path: Path) -> None:
    run(
        ray_hosts,
        """
        import psutil
        join_ray()
        spark = session(3, 1, **{"spark.network.timeout": "30s", "spark.network.timeoutInterval": "5s"})
        ids = lambda: {e.id for e in executors()}
        # One host is full with two executors and the other has one, and room.
        few, many = sorted(all_hosts[1:], key=lambda host: len(executors_on(host)))
        begun_with = ids()

        end = begin_job(spark, 1)
        many.cut()
        time.sleep(5)
        many.join()
        end(120)
        assert ids() == begun_with, (begun_with, application().status())
        assert spark.range(0, 1000, 1, 4).repartition(4).count() == 1000
        say("a short cut heals")

        [frozen] = executors_on(few)
        process = psutil.Process(frozen.pid)
        end = begin_job(spark, 1)
        for one in [process, *process.children(recursive=True)]:
            one.suspend()
        started = time.monotonic()
        eventually("another comes in the place of the one that stands still",
                   lambda: frozen.id not in ids() and len(ids()) == 3, seconds=120)
        say("after", round(time.monotonic() - started), "s")
        eventually("its process is gone", lambda: not process.is_running(), seconds=60)
        end(120)

        def given_up(host):
            nodes = [n for n in ray.nodes() if n["NodeManagerAddress"] == host.address]
            return not any(n["Alive"] for n in nodes)

        made = datasets.block_refs(raydp.from_spark(spark.range(0, 300_000, 1, 6)))
        end = begin_job(spark, 2)
        few.cut()
        started = time.monotonic()
        eventually("Ray gives the host up", lambda: given_up(few), seconds=60)
        few.join()
        say("after", round(time.monotonic() - started), "s")
        eventually("what ran there ends when it comes back", lambda: not few.of_application(), seconds=60,
                   state=few.of_application)
        say("after", round(time.monotonic() - started), "s")
        say(START_NODES)
        eventually("an executor on the host's new node", lambda: len(executors_on(few)) == 1, seconds=120)
        end(180)
        table = pa.concat_tables(ray.get(made, timeout=120))
        assert sorted(table["id"].to_pylist()) == list(range(300_000))
        say("blocks of the lost node are made again")

        end = begin_job(spark, 1)
        many.cut()
        started = time.monotonic()
        eventually("two executors on the host that is left", lambda: len(executors_on(few)) == 2, seconds=120)
        say("after", round(time.monotonic() - started), "s")
        end(180)
        say("the job ended after", round(time.monotonic() - started), "s")
        again = raydp.from_spark(spark.range(0, 1000, 1, 4).repartition(4))
        assert raydp.to_spark(again).agg(F.sum("id")).first()[0] == sum(range(1000))
        eventually("nothing runs on the host that is cut off", lambda: not many.of_application(), seconds=120,
                   state=many.of_application)
        say("after", round(time.monotonic() - started), "s")
        raydp.stop_spark()
        say("end")
        """,
        tmp_path / "log",
    )


def test_nothing_is_left_of_an_application_whose_driver_is_cut_off(ray_hosts: hosts.RayHosts, tmp_path: Path) -> None:
    ray_hosts.start()
    host, log = ray_hosts.hosts[2], tmp_path / "log"
    source = """
        join_ray()
        spark = session(2, 2)
        raydp.from_spark(spark.range(0, 1000, 1, 4).repartition(4))
        end = begin_job(spark, 30)
        say("working")
        end(900)
        """
    process = start(ray_hosts, host, source, log)
    try:
        assert process.stdout is not None
        assert "working\n" in iter(process.stdout.readline, ""), log.read_text()
        assert all(one.of_application() for one in ray_hosts.hosts[1:])
        host.cut()
        started = time.monotonic()
        elsewhere = ray_hosts.hosts[1]
        assert datasets.eventually(lambda: not elsewhere.of_application(), within=60), elsewhere.of_application()
        print(f"gone elsewhere after {time.monotonic() - started:.0f} s")
        assert datasets.eventually(lambda: not host.of_application(), within=120), host.of_application()
        print(f"gone there after {time.monotonic() - started:.0f} s")
        assert process.wait(10) != 0
    finally:
        programs.kill_session(process.pid)
