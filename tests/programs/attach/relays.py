"""A program of attach/test_relays.py: two executors, the far one of which has no exchange agent on its machine."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pandas as pd
import psutil
import ray
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

import raydp
from support import programs
from support.datasets import eventually as comes_true
from support.scripting import begin_part, say, start_ray
from support.standalone import executor_processes
from support.strangers import answer_to_stranger, send_as_stranger

ROWS = 1200
SLOW_ROWS = 40
PORT = int(os.environ["RAYDP_TEST_PORT"])


def with_place(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    for batch in batches:
        time.sleep(0.3)  # so that both executors get tasks
        yield batch.assign(place=os.environ["RAYDP_TEST_WORKER"])


def slowly(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    for batch in batches:
        time.sleep(0.5)  # a task that takes time
        yield batch


def places(rows: DataFrame) -> list[str]:
    return sorted(row["place"] for row in rows.select("place").distinct().collect())


def near_executor() -> psutil.Process:
    of_near = [
        process
        for process in executor_processes(application)
        if programs.variables_of(process).get("RAYDP_TEST_WORKER") == "near"
    ]
    return of_near[0]


def listening(process: psutil.Process) -> set[tuple[str, int]]:
    """Return the addresses and ports on which a process listens."""
    return {
        (one.laddr.ip.removeprefix("::ffff:"), one.laddr.port)
        for one in process.net_connections("tcp")
        if one.status == psutil.CONN_LISTEN
    }


def listeners(process: psutil.Process) -> int:
    return len(listening(process))


def hosts(places: set[tuple[str, int]]) -> set[str]:
    return {host for host, _ in places}


def driver_jvm() -> psutil.Process:
    (found,) = [
        one
        for one in psutil.Process().children(recursive=True)
        if "org.apache.spark.deploy.SparkSubmit" in programs.words_of(one)
    ]
    return found


def refuses_strangers(host: str, port: int) -> bool:
    """Tell whether a relay closes the connection of a client without the secret, and takes little from it."""
    announced, most = 1 << 30, 64 << 20  # with what the kernel buffers
    return "Welcome" not in answer_to_stranger(host, port) and send_as_stranger(host, port, announced) < most


def have_registered(executors: int) -> bool:
    memory = spark.sparkContext._jsc.sc().getExecutorMemoryStatus()  # of the driver, too
    return bool(memory.size() == executors + 1) and len(executor_processes(application)) == executors


def result_of(action: Callable[[], object], meanwhile: Callable[[], None]) -> object:
    """Call something when Spark runs a job of an action. Return the action's result."""
    results: list[object] = []
    thread = threading.Thread(target=lambda: results.append(action()))
    thread.start()
    tracker = spark.sparkContext.statusTracker()

    def completed() -> int:
        stages = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
        return sum(stage.numCompletedTasks for stage in stages if stage is not None)

    assert comes_true(lambda: completed() > 0, within=240)
    meanwhile()
    thread.join(240)
    return results[0]


builder = SparkSession.builder.master(sys.argv[1])
for setting in os.environ["RAYDP_TEST_SETTINGS"].split(","):
    builder = builder.config(*setting.split("=", 1))
spark = (
    builder.config("spark.ui.enabled", "false")
    .config("spark.executor.memory", "500m")
    .config("spark.executor.cores", "1")
    .config("spark.locality.wait", "0s")
    .config("spark.sql.shuffle.partitions", "2")
    .config("spark.sql.execution.arrow.maxRecordsPerBatch", "100")
    .config("spark.raydp.exchange.blockSize", "1m")
    .config("spark.raydp.exchange.relay.port", str(PORT))
    .getOrCreate()
)
application = spark.sparkContext.applicationId
assert comes_true(lambda: have_registered(2), within=240)
before_near, before_driver = listening(near_executor()), listening(driver_jvm())
before = len(before_near)

begin_part("both ways")
start_ray(num_cpus=2)
attachment = raydp.attach(spark)
plain = spark.range(0, ROWS, 1, 12).selectExpr(
    "id",
    "if(id % 7 = 0, null, cast(id as string)) as text",
    "array(id, null) as list",
    "map(id, named_struct('a', cast(id as decimal(20, 3)))) as map",
)
expected = sorted(str(row) for row in plain.collect())
placed = plain.selectExpr("*", "'' as place").mapInPandas(
    with_place, "id long, text string, list array<long>, map map<long, struct<a: decimal(20, 3)>>, place string"
)
ds = raydp.from_spark(placed)
back = raydp.to_spark(ds)
say("to Ray:", sorted(row["id"] for row in ds.take_all()) == list(range(ROWS)))
say("made by:", sorted({row["place"] for row in ds.take_all()}))
say("to Spark:", sorted(str(row) for row in back.drop("place").collect()) == expected)
say("read by:", places(back.select("id").mapInPandas(with_place, "id long, place string")))
raydp.register(ds, "mine")
say("by name:", spark.sql("SELECT count(text) + count_if(text IS NULL) FROM ray.mine").first()[0])
nulls = raydp.from_spark(spark.range(0, 9, 1, 4).selectExpr("null as v"))
say("nothing but nulls:", raydp.to_spark(nulls).filter("v IS NULL").count())
large = raydp.from_spark(spark.range(0, 4, 1, 4).selectExpr("repeat(cast(id as string), 5000000) as text"))
lengths = raydp.to_spark(large).agg(F.sum(F.length("text"))).first()[0]
say("large rows:", sum(len(row["text"]) for row in large.take_all()), lengths)
relays = comes_true(lambda: listeners(near_executor()) == before + 1, within=90)
say("the near executor became a relay:", relays)
opened_near, opened_driver = listening(near_executor()) - before_near, listening(driver_jvm()) - before_driver
opened = opened_near | opened_driver
ports_of_spark = {int(spark.conf.get(key, "0")) for key in ("spark.driver.port", "spark.driver.blockManager.port")}
hosts_of_driver = {ip for ip, port in before_driver if port in ports_of_spark}
say("listen where Spark does:", hosts(opened_near) == hosts(before_near), hosts(opened_driver) == hosts_of_driver)
say("on a port of the range:", all(PORT <= port <= PORT + 16 for _, port in opened), len(opened))
say("refuse strangers:", all(refuses_strangers(*place) for place in opened))

begin_part("a relay that is killed")
slow = spark.range(0, SLOW_ROWS, 1, SLOW_ROWS // 2).mapInPandas(slowly, "id long")
exported = result_of(lambda: raydp.from_spark(slow), lambda: near_executor().kill())
assert isinstance(exported, ray.data.Dataset)
say("to Ray:", sorted(row["id"] for row in exported.take_all()) == list(range(SLOW_ROWS)))
assert comes_true(lambda: have_registered(2), within=240)
spark.conf.set("spark.sql.files.maxPartitionBytes", "16")  # a task for each block
imported = raydp.to_spark(exported).mapInPandas(slowly, "id long")
rows = result_of(imported.collect, lambda: near_executor().kill())
say("to Spark:", sorted(row["id"] for row in rows) == list(range(SLOW_ROWS)))
assert comes_true(lambda: have_registered(2), within=240)

begin_part("detached")
raydp.from_spark(spark.range(0, 400, 1, 40).mapInPandas(slowly, "id long"))
assert comes_true(lambda: listeners(near_executor()) == before + 1, within=90)
attachment.detach()
say("the relay has ended:", comes_true(lambda: listeners(near_executor()) == before, within=90))

begin_part("shared memory only")
try:
    raydp.attach(spark, exchange="shared-memory").detach()
    say("the driver does not know of executors without an agent")
except raydp.errors.ExchangeError as error:
    say(f"{type(error).__name__}: {error}")

begin_part("the end")
spark.stop()
ray.shutdown()
say("left:", len(executor_processes(application)))
