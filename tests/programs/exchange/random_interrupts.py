"""A program of exchange/test_from_spark.py: Ctrl-C at random moments of calls that run a Spark job of hours."""

import contextlib
import os
import random
import signal
import sys
import threading
import time

import raydp
from raydp.xgboost import XGBoostEstimator
from support.datasets import eventually
from support.scripting import say, start_ray

start_ray()
spark = raydp.init_spark("interrupted", 1, 1, "800m")
assert raydp.from_spark(spark.range(10)).count() == 10
random.seed(int(sys.argv[1]))
hours = spark.range(10**13).selectExpr("id % 24 AS hour", "rand() AS y").where("y < 1e-9")
calls = {
    "from_spark": lambda: raydp.from_spark(hours),
    "from_spark of a sorted frame": lambda: raydp.from_spark(hours.orderBy("y")),
    "from_spark with num_blocks": lambda: raydp.from_spark(hours, num_blocks=3),
    "fit": lambda: XGBoostEstimator({}, "y", num_boost_round=2).fit(hours),
    "toPandas": lambda: hours.toPandas(),
}
for number in range(40):
    name = random.choice(list(calls))
    moment = random.uniform(0.005, 0.6)
    timer = threading.Timer(moment, os.kill, (os.getpid(), signal.SIGINT))
    begin = time.monotonic()
    with contextlib.suppress(KeyboardInterrupt):
        timer.start()
        calls[name]()
    taken = time.monotonic() - begin
    say(f"{number}: {name}", f"interrupted after {moment:.3f} s, returned after {taken:.1f} s")
    assert taken < 60, "the interrupt was lost"
    active = spark.sparkContext.statusTracker().getActiveJobsIds
    assert eventually(lambda active=active: not active()), "a job goes on"
    assert spark.range(3).count() == 3
raydp.stop_spark()
