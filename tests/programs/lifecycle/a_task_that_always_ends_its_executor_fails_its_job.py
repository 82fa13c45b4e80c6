"""A program of lifecycle/test_kills.py."""

import os
import time

from py4j.protocol import Py4JJavaError

import raydp
from support.scripting import say, start_ray

start_ray()
spark = raydp.init_spark(
    "t", 1, 1, "600m", configs={"spark.raydp.executor.maxConsecutiveFailures": "2", "spark.task.maxFailures": "1"}
)


def end_the_executor(rows):
    import psutil

    psutil.Process(os.getppid()).parent().kill()  # this worker's daemon's parent
    time.sleep(60)
    yield from rows


try:
    spark.sparkContext.parallelize([1], 1).mapPartitions(end_the_executor).collect()
except Py4JJavaError as error:
    say("failed:", "executor" in str(error).lower())
