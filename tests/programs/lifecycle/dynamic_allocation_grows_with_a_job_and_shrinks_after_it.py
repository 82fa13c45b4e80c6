"""A program of lifecycle/test_scaling.py."""

from watching import eventually, living, pending_cpus, registered

import raydp
from support.scripting import say, start_job, start_ray

start_ray(num_cpus=3)
spark = raydp.init_spark(
    "t",
    1,
    1,
    "500m",
    configs={
        "spark.dynamicAllocation.enabled": True,
        "spark.dynamicAllocation.minExecutors": 1,
        "spark.dynamicAllocation.maxExecutors": 6,
        "spark.dynamicAllocation.schedulerBacklogTimeout": "1s",
        "spark.dynamicAllocation.executorIdleTimeout": "2s",
    },
)

try:
    raydp.scale(2)
except raydp.errors.SessionError as error:
    say("refused:", error)

thread, result = start_job(spark, 0.5)
eventually("grown", lambda: len(registered()) == 3)
eventually("pending", lambda: len(living()) == 6 and pending_cpus() == 3)
thread.join(120)
say("result:", sorted(result))
eventually("pending cancelled", lambda: len(living()) <= 3 and pending_cpus() == 0, seconds=20)
eventually("shrunk", lambda: len(living()) == 1)
say("after:", spark.range(100).count())
