"""A program of lifecycle/test_session.py."""

import os
import time

import raydp
from support import programs
from support.scripting import say, start_ray

start_ray()
spark = raydp.init_spark("t", 2, 1, "600m")
ds = raydp.from_spark(spark.range(100_000).selectExpr("id", "cast(id as string) s"))
assert raydp.to_spark(ds).count() == 100_000
assert spark.sparkContext.parallelize(range(10), 4).map(lambda x: x + 1).sum() == 55
raydp.stop_spark()


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


deadline = time.monotonic() + 20
while ours() and time.monotonic() < deadline:
    time.sleep(0.2)
say("left:", ours())
say("data:", ds.count(), ds.sum("id"))
