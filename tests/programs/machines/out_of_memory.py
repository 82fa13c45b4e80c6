"""A program of machines/test_out_of_memory.py: processes of the application need more memory than their group has."""

import contextlib
import os
import sys
import threading
from pathlib import Path

import ray
from py4j.protocol import Py4JJavaError

import raydp
from raydp.errors import ExchangeError
from support import programs
from support.chaos import processes
from support.memory_groups import MemoryGroup
from support.scripting import begin_part, say, start_ray

group = MemoryGroup(Path(sys.argv[1]))
start_ray()
spark = raydp.init_spark("memory", 2, 1, "700m", configs={"spark.log.level": "ERROR"})


def convert(rows):
    return raydp.from_spark(spark.range(0, rows, 1, 8)).count()


def count_in_python(rows):
    return spark.sparkContext.parallelize(range(rows), 2).map(lambda row: row).count()


@contextlib.contextmanager
def part(name):
    begin_part(name)
    kills = group.kills()
    yield
    say("killed:", group.kills() > kills)
    say("after that:", convert(1000), count_in_python(1000))


@contextlib.contextmanager
def in_group(word):
    """Move the processes with a word in their command lines into the group, as soon as they run."""
    over = threading.Event()

    def add():
        while not over.wait(0.05):
            for process in programs.marked_processes(os.environ["RAYDP_TEST_MARK"]):
                if any(word in one for one in programs.words_of(process)):
                    group.add(process.pid)

    adding = threading.Thread(target=add)
    adding.start()
    try:
        yield
    finally:
        over.set()
        adding.join()


convert(1000)
with part("executor"):
    group.add(processes.executor_pids()[0])
    say("rows:", spark.range(0, 4_000_000, 1, 2).selectExpr("id", "repeat(cast(id as string), 20) s").cache().count())

with part("Python worker"), in_group("worker_daemon"):
    try:
        say(spark.sparkContext.parallelize([1], 1).map(lambda _: len(b"x" * 500_000_000)).collect())
    except Py4JJavaError as error:
        say("failed:", "Python worker exited unexpectedly" in str(error), str(error)[:1500])

with part("agent"), in_group("ray::ExchangeAgent"):  # the last part: Ray's store keeps its share of the group's memory
    try:
        say(convert(100_000_000))
    except ExchangeError as error:
        say("refused:", error)
raydp.stop_spark()
ray.shutdown()
