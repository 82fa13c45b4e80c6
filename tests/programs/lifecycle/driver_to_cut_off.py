"""A program of lifecycle/test_hosts.py."""

from on_hosts import begin_job, join_ray, session

import raydp
from support.scripting import say

join_ray()
spark = session(2, 2)
raydp.from_spark(spark.range(0, 1000, 1, 4).repartition(4))
end = begin_job(spark, 30)
say("working")
end(900)
