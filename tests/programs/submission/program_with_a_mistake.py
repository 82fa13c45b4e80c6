"""A program of submission/test_submission.py."""

import ray

import raydp

ray.init(logging_level="WARNING")
spark = raydp.init_spark("p", 1, 1, "600m")
print(raydp.from_spark(spark.range(1000)).count(), spark.conf.get("spark.custom.word"), flush=True)
raise ValueError("its own error")
