"""A program of lifecycle/test_scaling.py: executors added and removed by hand, then by Spark's dynamic allocation."""

from watching import eventually, living, pending_cpus, registered

import raydp
from support.scripting import begin_part, say, start_job, start_ray

# A leaving executor looks again whether all of its blocks have been handed over: Spark waits 30 s before it does.
OFTEN = {"spark.storage.decommission.replicationReattemptInterval": "1s"}

start_ray(num_cpus=3)

begin_part("by hand")
spark = raydp.init_spark("t", 1, 1, "500m", configs={"spark.sql.shuffle.partitions": "4", **OFTEN})

for wrong in (-1, True, "2"):
    try:
        raydp.scale(wrong)
    except raydp.errors.InvalidArgumentError as error:
        say("refused:", error)
say("two:", raydp.scale(2))
say("more than there is room for:", raydp.scale(5, timeout_seconds=1) < 5)
eventually("three run", lambda: len(registered()) == 3)
eventually("demand: 2", lambda: pending_cpus() == 2)
say("two again:", raydp.scale(2), len(living()))
eventually("demand: 0", lambda: pending_cpus() == 0)

cached = spark.range(0, 10_000, 1, 4).selectExpr("id", "id % 10 as k").cache()
shuffled = cached.groupBy("k").count().cache()
assert shuffled.count() == 10
before = registered()
say("one:", raydp.scale(1), "of the two:", set(registered()) < set(before))
info = spark.sparkContext._jsc.sc().getRDDStorageInfo()
say("cached partitions:", sorted(rdd.numCachedPartitions() for rdd in info))
say("right:", shuffled.agg({"count": "sum"}).first()[0], cached.count())
say("none:", raydp.scale(0), registered())
say("one:", raydp.scale(1), spark.range(1000).count())
raydp.stop_spark()
try:
    raydp.scale(1)
except raydp.errors.SessionError as error:
    say("stopped:", error)

begin_part("dynamic allocation")
spark = raydp.init_spark(
    "t",
    0,
    1,
    "500m",
    configs={
        "spark.dynamicAllocation.enabled": True,
        "spark.dynamicAllocation.minExecutors": 0,
        "spark.dynamicAllocation.maxExecutors": 6,
        "spark.dynamicAllocation.schedulerBacklogTimeout": "1s",
        "spark.dynamicAllocation.executorIdleTimeout": "2s",
        **OFTEN,
    },
)

try:
    raydp.scale(2)
except raydp.errors.SessionError as error:
    say("refused:", error)

say("converted without executors at first:", registered(), raydp.from_spark(spark.range(1000)).count())

thread, result = start_job(spark, 0.5)
eventually("grown", lambda: len(registered()) == 3)
eventually("pending", lambda: len(living()) == 6 and pending_cpus() == 3)
thread.join(240)
say("result:", sorted(result))
eventually("pending cancelled", lambda: len(living()) <= 3 and pending_cpus() == 0, seconds=60)
eventually("shrunk", lambda: len(living()) == 0)
say("after:", spark.range(100).count())
