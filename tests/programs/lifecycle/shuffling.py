"""An application with a shuffle whose files are in a folder of the test."""

import os
from pathlib import Path

import raydp
from support import programs
from support.scripting import start_ray

__all__ = ["FOLDER", "RIGHT", "services", "start", "sums_of"]

FOLDER = Path(os.environ["TEST_FOLDER"])
RIGHT = [(key, 200) for key in range(5)]


def services():
    """The processes of the application's shuffle service."""
    family = programs.marked_processes(os.environ["RAYDP_TEST_MARK"])
    return [process for process in family if "-Draydp.role=shuffle-service" in programs.words_of(process)]


def start(*, service, dynamic_allocation):
    start_ray()
    return raydp.init_spark(
        "t",
        1,
        1,
        "600m",
        configs={
            "spark.local.dir": str(FOLDER),
            "spark.shuffle.service.enabled": service,
            "spark.dynamicAllocation.enabled": dynamic_allocation,
            "spark.dynamicAllocation.minExecutors": "0",
            "spark.dynamicAllocation.maxExecutors": "2",
            "spark.dynamicAllocation.executorIdleTimeout": "2s",
            "spark.shuffle.io.maxRetries": "1",
            "spark.shuffle.io.retryWait": "1s",
        },
    )


def sums_of(spark):
    """An RDD with a shuffle, and the number of rows that were computed for it."""
    computed = spark.sparkContext.accumulator(0)

    def pair(number):
        computed.add(1)
        return number % 5, 1

    return spark.sparkContext.parallelize(range(1000), 4).map(pair).reduceByKey(lambda a, b: a + b, 4), computed
