"""A program of submission/test_submission.py."""

import ray

import raydp
from support.scripting import say

ray.init(logging_level="WARNING", log_to_driver=False)


@ray.remote(num_cpus=0)
def total(rows):
    spark = raydp.init_spark("in a task", 1, 1, "600m")
    try:
        return raydp.from_spark(spark.range(rows)).sum("id")
    finally:
        raydp.stop_spark()


@ray.remote(num_cpus=0)
class Driver:
    def total(self, rows):
        return raydp.init_spark("in an actor", 1, 1, "600m").range(rows).selectExpr("sum(id)").first()[0]


say(ray.get(total.remote(1000)), ray.get(Driver.remote().total.remote(100)))
