"""A program of lifecycle/test_session.py: sessions, one after another. It ends without stopping the last one."""

import os
import sys

import ray
from pyspark import SparkContext
from pyspark.sql import SparkSession

import raydp
from support import datasets, programs
from support.scripting import begin_part, say, start_ray

start_ray()


def ours():
    processes = programs.marked_processes(os.environ["RAYDP_TEST_MARK"])
    family = [(programs.name_of(p), programs.words_of(p)) for p in processes]
    return [
        words[:3]
        for name, words in family
        if name == "java"
        or "raydp._spark.worker_daemon" in words
        or any(word.startswith("ray::ExchangeAgent") for word in words[:1])
    ]


begin_part("unchanged programs")
spark = (
    SparkSession.builder.master("ray")
    .appName("plain")
    .config("spark.executor.memory", "600m")
    .config("spark.executor.instances", "1")
    .getOrCreate()
)
say(spark.sparkContext.master, spark.range(1000).count(), spark.sparkContext.appName)
spark.stop()
address = ray.get_runtime_context().gcs_address
spark = SparkSession.builder.master(f"ray:{address}").config("spark.executor.memory", "600m").getOrCreate()
say(spark.range(100).selectExpr("sum(id)").first()[0])
spark.stop()
raydp.stop_spark()
sc = SparkContext("ray", "bare")
say(sc.parallelize(range(100), 4).map(lambda x: x * 2).sum())
say(raydp.from_spark(sc.parallelize([(7, "a")], 1)).take_all())
sc.stop()
raydp.stop_spark()

begin_part("inside an actor")


@ray.remote
class Remote:
    def __init__(self):
        self.spark = raydp.init_spark("remote", 1, 1, "600m")

    def run(self):
        return self.spark.range(100).count(), raydp.from_spark(self.spark.range(50)).count()

    def stop(self):
        self.spark.stop()
        raydp.stop_spark()


actor = Remote.remote()
say(ray.get(actor.run.remote()))
ray.get(actor.stop.remote())
ray.kill(actor)

begin_part("the same arguments")
spark = raydp.init_spark("t", 1, 1, "600m", configs={"spark.sql.shuffle.partitions": 2})
assert raydp.init_spark("t", 1, 1, 600 * 2**20, configs={"spark.sql.shuffle.partitions": "2"}) is spark
for changed in (("other", 1, 1, "600m"), ("t", 2, 1, "600m"), ("t", 1, 1, "700m")):
    try:
        raydp.init_spark(*changed, configs={"spark.sql.shuffle.partitions": 2})
    except raydp.errors.SessionError as error:
        say("refused:", error)

begin_part("nothing is left")
kept = raydp.from_spark(spark.range(100_000).selectExpr("id", "cast(id as string) s"))
assert raydp.to_spark(kept).count() == 100_000
assert spark.sparkContext.parallelize(range(10), 4).map(lambda x: x + 1).sum() == 55
df = spark.range(5)
ds = ray.data.from_spark(df)
raydp.stop_spark()
datasets.eventually(lambda: not ours())
say("left:", ours())
say("data:", kept.count(), datasets.sum_of(kept, "id"))

begin_part("after a stop")
raydp.stop_spark()
for attempt in (lambda: raydp.from_spark(df), lambda: raydp.to_spark(ds), lambda: ray.data.from_spark(df)):
    try:
        attempt()
    except raydp.errors.SessionError as error:
        say("stopped:", error)
say("kept:", sorted(row["id"] for row in ds.take_all()))
again = raydp.init_spark("again", 1, 1, "600m")
partitions = again.conf.get("spark.sql.shuffle.partitions")
say("again:", again.range(7).count(), again.sparkContext.appName, partitions)
try:
    raydp.from_spark(df)
except raydp.errors.SessionError as error:
    say("stopped:", error)

begin_part("forked children and other sessions")
before = again.range(10)
if (child := os.fork()) == 0:
    sys.exit(3)  # an ordinary end, with all functions that are registered for it
say("child:", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
say("parent:", before.count(), ray.data.from_spark(before).count())
again.stop()

other = SparkSession.builder.master("ray").appName("other").config("spark.executor.memory", "600m").getOrCreate()
say("other:", other.range(3).count())
try:
    raydp.init_spark("t", 1, 1, "600m")
except raydp.errors.SessionError as error:
    say("refused:", error)
