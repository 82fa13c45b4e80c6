"""A program of lifecycle/test_session.py."""

import ray

import raydp
from support.scripting import say, start_ray

start_ray()
spark = raydp.init_spark("t", 1, 1, "600m", configs={"spark.sql.shuffle.partitions": 2})
assert raydp.init_spark("t", 1, 1, 600 * 2**20, configs={"spark.sql.shuffle.partitions": "2"}) is spark
for changed in (("other", 1, 1, "600m"), ("t", 2, 1, "600m"), ("t", 1, 1, "700m")):
    try:
        raydp.init_spark(*changed, configs={"spark.sql.shuffle.partitions": 2})
    except raydp.errors.SessionError as error:
        say("refused:", error)
df = spark.range(5)
ds = ray.data.from_spark(df)
raydp.stop_spark()
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
