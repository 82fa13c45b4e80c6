"""A job with a shuffle that takes some seconds, and the executors that run it."""

import threading
import time

from raydp._application import current_application

__all__ = ["executors", "slow_job"]


def executors():
    return current_application().status().registered


def slow_job(spark):
    """Return a thread, which is yet to start, and the list that gets the job's result."""

    def slowly(rows):
        for row in rows:
            time.sleep(0.004)
            yield row

    def run():
        counts = (
            spark.sparkContext.parallelize(range(4000), 8)
            .mapPartitions(slowly)
            .map(lambda x: (x % 5, 1))
            .reduceByKey(lambda a, b: a + b, 4)
            .mapPartitions(slowly)
            .collect()
        )
        result.append(sorted(counts))

    result = []
    return threading.Thread(target=run), result
