"""A program of connect/test_killed_servers.py: two servers are killed, one after the other, while data crosses."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession

import raydp
from support.datasets import eventually as comes_true
from support.scripting import attempt, begin_part, say, start_ray

ROWS = 40
first_url, first_process, second_url, second_process, folder = sys.argv[1:]
mark = Path(folder) / "a task runs"


def slow(df: DataFrame) -> DataFrame:
    """Return the rows of a DataFrame, for which tasks take time."""
    path = str(mark)

    def slowly(batches: Iterator) -> Iterator:
        for batch in batches:
            Path(path).touch()
            time.sleep(0.5)
            yield batch

    return df.mapInPandas(slowly, "id long")


def ids(rows: list) -> str:
    return "all" if sorted(row["id"] for row in rows) == list(range(ROWS)) else f"{len(rows)} rows"


def while_it_runs(call: Callable[[], object], kill: Callable[[], None]) -> object:
    """Return what a call returns, in whose middle something is killed."""
    mark.unlink(missing_ok=True)
    killing = threading.Thread(target=lambda: comes_true(mark.exists, within=120) and kill(), daemon=True)
    killing.start()
    try:
        return call()
    finally:
        killing.join(150)


def timed(words: str, call: Callable[[], object], bound: float = 30) -> None:
    """Say what a call returns or fails with, and whether it took too long."""
    begun = time.monotonic()
    attempt(f"{words}:", call)
    taken = time.monotonic() - begun
    say(f"{words}, time:", "short" if taken < bound else f"{taken:.0f} s")
    print(f"{words}: {taken:.1f} s", file=sys.stderr)


def kill_first_server() -> None:
    os.kill(int(first_process), signal.SIGKILL)


def kill_second_server() -> None:
    os.kill(int(second_process), signal.SIGKILL)


start_ray(num_cpus=3)
spark = SparkSession.builder.remote(first_url).getOrCreate()
spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", "1")
numbers = spark.range(0, ROWS, 1, 10)
ds = raydp.from_spark(numbers)
back = raydp.to_spark(ds, spark)

export = slow(numbers)

begin_part("a server")
timed("in from_spark", lambda: while_it_runs(lambda: raydp.from_spark(export), kill_first_server))
timed("from_spark", lambda: raydp.from_spark(export))
timed("to_spark", lambda: raydp.to_spark(ds, spark))
timed("register", lambda: raydp.register(ds, "name"))
timed("attach", lambda: raydp.attach(spark))
timed("stop", spark.stop)
say("stopped:", spark.is_stopped, "Dataset:", ids(ds.take_all()))

begin_part("another server")
spark = SparkSession.builder.remote(second_url).getOrCreate()
spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", "1")
back = raydp.to_spark(ds, spark)
say("rows:", ids(back.collect()), ids(raydp.from_spark(spark.range(ROWS)).take_all()))
last = raydp.attach(spark)
timed("in a read", lambda: while_it_runs(slow(back).collect, kill_second_server), bound=60)
say("ended:", comes_true(lambda: last.is_stopping, within=60))
timed("from_spark", lambda: raydp.from_spark(spark.range(3)))
print(f"the end: {time.time()}", file=sys.stderr, flush=True)
