"""A program of lifecycle/test_kills.py."""

import time

import raydp
from support.scripting import say, start_ray

start_ray()
spark = raydp.init_spark("t", 2, 1, "600m")
ds = raydp.from_spark(spark.range(100_000))
df = raydp.to_spark(ds)
assert df.count() == 100_000
say("working")


def forever(rows):
    while True:
        time.sleep(0.1)
    yield 1


spark.sparkContext.parallelize(range(2), 2).mapPartitions(forever).count()
