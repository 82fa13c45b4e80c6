"""A program of lifecycle/test_session.py."""

import os
from pathlib import Path

import ray

import raydp
from support.scripting import eventually, say

ray.init(address=os.environ["TEST_ADDRESS"], log_to_driver=False)
spark = raydp.init_spark("app " + os.environ["TEST_NAME"], 1, 1, "600m")
say("up", spark.sparkContext.applicationId)
meeting = Path(os.environ["TEST_MEETING"])
(meeting / os.environ["TEST_NAME"]).touch()
eventually("all up", lambda: len(list(meeting.iterdir())) == int(os.environ["TEST_COUNT"]), seconds=300)
ds = raydp.from_spark(spark.range(10_000).selectExpr("id", "id % 7 as k"))
say("sum", ds.sum("k"), raydp.to_spark(ds).groupBy("k").count().count())
raydp.stop_spark()
