"""A session of an application on several hosts."""

import socket
import sys

import ray

import raydp
from raydp._application import current_application
from support import hosts
from support.scripting import eventually, start_job

__all__ = ["ALL_HOSTS", "begin_job", "executors", "executors_on", "join_ray", "session"]

ALL_HOSTS = hosts.of_program()


def join_ray():
    """Connect to the cluster whose address is the program's argument."""
    # Ray looks for its node among all processes that it sees, and these hosts share their processes' ids.
    here = socket.gethostbyname(socket.gethostname())
    ray.init(sys.argv[1], _node_ip_address=here, log_to_driver=False, logging_level="WARNING")


def session(count, workers_of_each, **configs):
    """Start an application. Each host but the first has 2 of the resource "worker"."""
    spark = raydp.init_spark(
        "hosts",
        count,
        1,
        "600m",
        configs={
            "spark.log.level": "ERROR",
            "spark.sql.shuffle.partitions": "4",
            "spark.raydp.executor.resource.worker": str(workers_of_each),
            "spark.raydp.exchange.blockSize": "1m",
            **configs,
        },
    )
    eventually("all executors", lambda: len(executors()) == count, state=current_application().status)
    return spark


def executors():
    return current_application().status().registered


def executors_on(host):
    return [executor for executor in executors() if executor.host == host.address]


def begin_job(spark, seconds):
    """Start a job and wait until its tasks run on all executors. Return a function that awaits and checks its end."""
    thread, result = start_job(spark, seconds)
    tracker = spark.sparkContext.statusTracker()

    def at_work():
        stages = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
        return sum(stage.numActiveTasks for stage in stages if stage) == len(executors())

    def end(within):
        thread.join(within)
        status = current_application().status()
        assert sorted(result) == [(0, 20), (1, 20), (2, 20)], (thread.is_alive(), result, status)

    eventually("the job is at work", at_work)
    return end
