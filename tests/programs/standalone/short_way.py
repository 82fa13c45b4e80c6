"""A program of standalone/test_short_way.py: ``init_spark`` with the standalone deployment, then the native one."""

import os

import ray

import raydp
from support.datasets import eventually as comes_true
from support.programs import marked_processes, words_of
from support.scripting import attempt, begin_part, say, start_ray
from support.standalone_in_ray import daemons_of

mark = os.environ["RAYDP_TEST_MARK"]
sizes = {"num_executors": 2, "executor_cores": 1, "executor_memory": "600m"}
configs = {"spark.sql.shuffle.partitions": "2", "spark.hadoop.a.password": "hidden-word"}


def start() -> object:
    return raydp.init_spark("short", **sizes, configs=configs, deployment="standalone")


begin_part("standalone")
start_ray(num_cpus=4)
spark = raydp.init_spark("short", **sizes, configs=configs, deployment="standalone")
say("master:", spark.sparkContext.master.partition("://")[0], spark.sparkContext.appName)
frame = spark.range(0, 100, 1, 4)
ds = raydp.from_spark(frame)
say("rows:", ds.count(), raydp.to_spark(ds).agg({"id": "sum"}).first()[0])
say("settings:", spark.conf.get("spark.sql.shuffle.partitions"), spark.conf.get("spark.executor.memory"))
say("same:", start() is spark)
attempt("another:", lambda: raydp.init_spark("short", **sizes, configs=configs))
say("UI:", (raydp.ui_url() or "").partition("?token=")[0].startswith("http://"), len((raydp.ui_url() or "")[-64:]))
words = [spark.conf.get("spark.hadoop.a.password"), (raydp.ui_url() or "")[-64:]]
lines = [" ".join(words_of(process)) for process in marked_processes(mark)]
say("secrets in command lines:", sum(word in line for line in lines for word in words))
say("scaled:", raydp.scale(1), frame.count())
raydp.stop_spark()
say("left:", comes_true(lambda: not daemons_of(mark), within=60), ds.count())
attempt("stopped:", raydp.ui_url)

begin_part("ends with the session, and with Ray")
with raydp.init_spark("short", **sizes, configs=configs, deployment="standalone") as spark:
    say("rows:", spark.range(10).count())
say("left:", comes_true(lambda: not daemons_of(mark), within=60))
spark = raydp.init_spark("short", **sizes, configs=configs, deployment="standalone")
say("rows:", spark.range(10).count())
ray.shutdown()
say("left:", comes_true(lambda: not daemons_of(mark), within=60))

begin_part("then native")
start_ray(num_cpus=4)
spark = raydp.init_spark("native", 1, 1, "600m")
say("master:", spark.sparkContext.master, spark.range(10).count())
raydp.stop_spark()
