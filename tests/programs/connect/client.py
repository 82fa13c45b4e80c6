"""A program of connect/test_client.py: it has a Spark Connect client only. The server knows nothing of raydp."""

import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import ray
from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F

import raydp
from support.datasets import eventually as comes_true
from support.line_fit import say_learned_line
from support.scripting import attempt, begin_part, say, start_ray
from support.standalone import executor_processes

ROWS = 40


def slowly(batches: Iterator) -> Iterator:
    for batch in batches:
        time.sleep(0.5)  # a task that takes time
        yield batch


def leases() -> int:
    return raydp.attach(spark).exchange.leases.count()


spark = SparkSession.builder.remote(sys.argv[1]).getOrCreate()
spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", "1")
frame = spark.range(0, 1000, 1, 3).selectExpr(
    "id", "cast(id as string) as text", "id % 3 as k", "array(id, null) as list"
)
expected = sorted(tuple(row) for row in frame.collect())

begin_part("before")
attempt("to Ray:", lambda: raydp.from_spark(frame))
start_ray(num_cpus=3)
local = ray.data.range(3)
ray.shutdown()
attempt("to Spark:", lambda: raydp.to_spark(local, spark))
start_ray(num_cpus=3)
spark.conf.set("spark.raydp.exchange.blockSize", "none")
attempt("a wrong setting:", lambda: raydp.from_spark(frame))
spark.conf.unset("spark.raydp.exchange.blockSize")

begin_part("conversions")
frame.cache().count()
ds = raydp.from_spark(frame)
rows = [(row["id"], row["text"], row["k"], list(row["list"])) for row in ds.take_all()]
say("to Ray:", sorted(rows) == expected)
say("still cached:", frame.is_cached)
say("views:", spark.catalog.listTables())
back = raydp.to_spark(ds, spark)
say("to Spark:", sorted(tuple(row) for row in back.collect()) == expected)
say("same types:", back.schema.simpleString() == frame.schema.simpleString())
say("joined:", back.join(frame, "id").groupBy(back.k).agg(F.count("*").alias("n")).orderBy("k").collect())
say("by Ray Data:", ray.data.from_spark(frame).count(), ds.to_spark(spark).agg(F.sum("id")).first()[0])
doubled = ds.map_batches(lambda batch: {"twice": batch["id"] * 2}, batch_format="numpy")
say("through Ray:", raydp.to_spark(doubled).agg(F.sum("twice")).first()[0])
say("some blocks:", raydp.from_spark(frame, num_blocks=5).num_blocks())
say("no rows:", raydp.from_spark(frame.filter("id < 0")).count())
attempt("a failing query:", lambda: raydp.from_spark(spark.range(3).selectExpr("assert_true(id < 2)")))
say_learned_line(spark)

begin_part("names")
raydp.register(ds, "mine")
say("by name:", spark.sql("SELECT k, count(*) AS n FROM ray.mine GROUP BY k ORDER BY k").collect())
say("read:", spark.read.format("ray").load("mine").count())
say("listed:", [row.tableName for row in spark.sql("SHOW TABLES IN ray").collect()])
other = spark.newSession()
say("its own:", raydp.from_spark(other.range(7)).count(), raydp.to_spark(ds, other).count())
attempt("in another session:", lambda: other.read.format("ray").load("mine").count())
raydp.attach(other).detach()
other.stop()
raydp.unregister("mine")
attempt("unregistered:", lambda: raydp.unregister("mine"))

begin_part("leases")
derived = back.filter("id < 10").select("id")
del back, doubled
say("held:", comes_true(lambda: leases() == 1, within=60), derived.count())
del derived
say("left:", comes_true(lambda: leases() == 0, within=60))

begin_part("a killed executor")
slow = spark.range(0, ROWS, 1, 20).mapInPandas(slowly, "id long")
result: list[ray.data.Dataset] = []
thread = threading.Thread(target=lambda: result.append(raydp.from_spark(slow)))
thread.start()
application = raydp.attach(spark).application_id
assert comes_true(lambda: raydp.attach(spark).exchange.directory.agents(), within=60)
victim = executor_processes(application)[0]
victim.kill()
thread.join(240)
say("rows:", sorted(row["id"] for row in result[0].take_all()) == list(range(ROWS)))

begin_part("a killed agent")
(agent,) = raydp.attach(spark).exchange.directory.agents()
ray.kill(agent.handle, no_restart=True)
say("to Ray:", raydp.from_spark(frame).count())

begin_part("kills in reads")
kept = raydp.to_spark(raydp.from_spark(spark.range(0, ROWS, 1, 10)), spark)
folder = tempfile.TemporaryDirectory()
mark = Path(folder.name) / "a task runs"


def slowly_and_marked(batches: Iterator) -> Iterator:
    for batch in slowly(batches):
        mark.touch()
        yield batch


def read_while(kill: Callable[[], object]) -> bool:
    """Tell whether a read gives all rows, in whose middle something is killed."""
    rows: list[Row] = []
    reading = kept.mapInPandas(slowly_and_marked, "id long")
    thread = threading.Thread(target=lambda: rows.extend(reading.collect()))
    thread.start()
    assert comes_true(mark.exists, within=60), "no task runs"
    kill()
    thread.join(240)
    mark.unlink()
    return sorted(row.id for row in rows) == list(range(ROWS))


say("an executor:", read_while(executor_processes(application)[0].kill))
(agent,) = raydp.attach(spark).exchange.directory.agents()
say("the agent:", read_while(lambda: ray.kill(agent.handle, no_restart=True)))
folder.cleanup()

begin_part("ends")
attachment = raydp.attach(spark)
token = attachment.exchange.directory.token.hex()
old = raydp.to_spark(ds, spark)
say("looks like:", attachment)
attachment.detach()
attempt("its DataFrame:", old.count)
say("left:", attachment.exchange if not attachment.is_stopping else "nothing", ds.count())
say("again:", raydp.from_spark(frame).count(), raydp.attach(spark) is attachment)
ray.shutdown()
say("Spark goes on:", frame.count())
start_ray(num_cpus=3)
say("another Ray:", raydp.from_spark(frame).count())
say("token:", token)
last = raydp.attach(spark)
spark.stop()
say("noticed:", comes_true(lambda: last.is_stopping, within=60))
attempt("stopped:", lambda: raydp.from_spark(frame))
