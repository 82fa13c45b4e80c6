"""A program of connect/test_cancelling.py: Ctrl-C in calls whose jobs on the server would run for hours."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

import raydp
from raydp.xgboost import XGBoostEstimator
from support.connect_server import running_jobs
from support.datasets import eventually as comes_true
from support.datasets import settled_store_bytes
from support.scripting import begin_part, say, start_ray

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have disabled it
url, ui = sys.argv[1:]
MAIN = threading.main_thread().ident
assert MAIN is not None


def interrupt(name: str, call: Callable[[], object], others: int = 0) -> None:
    """Press Ctrl-C when the call's job runs beside those of others, and say what happened."""
    pressed: list[float] = []

    def press() -> None:
        if comes_true(lambda: len(running_jobs(ui)) > others, within=120):
            pressed.append(time.monotonic())
            signal.pthread_kill(MAIN, signal.SIGINT)

    helper = threading.Thread(target=press, daemon=True)
    helper.start()
    try:
        say(f"{name}:", "returned", call())
    except KeyboardInterrupt:
        taken = time.monotonic() - pressed[0]
        say(f"{name}:", "interrupted", "at once" if taken < 10 else f"after {taken:.1f} s")
        print(f"{name}: {taken:.1f} s", file=sys.stderr)
    helper.join(150)


def await_no_job(name: str) -> None:
    ended = comes_true(lambda: not running_jobs(ui), within=60)
    say(f"{name}, jobs:", "none" if ended else running_jobs(ui))


def until_it_may_end(batches: Iterator) -> Iterator:
    time.sleep(8)  # longer than the interrupt of another thread's call takes
    yield from batches


def convert(number: int) -> None:
    frame = spark.range(0, number, 1, 1).mapInPandas(until_it_may_end, "id long")
    counts.append(raydp.from_spark(frame).count())


start_ray(num_cpus=4)
spark = SparkSession.builder.remote(url).getOrCreate()
ds = raydp.from_spark(spark.range(10))
rows = raydp.to_spark(ds, spark)
hours = spark.range(0, 10**13, 1, 4).select((F.col("id") % 24).alias("hour"), F.rand().alias("y")).where("y < 1e-9")
before = settled_store_bytes()

begin_part("calls")
calls: dict[str, Callable[[], object]] = {
    "from_spark": lambda: raydp.from_spark(hours),
    "sorted": lambda: raydp.from_spark(hours.orderBy("y")),
    "num_blocks": lambda: raydp.from_spark(hours, num_blocks=3),
    "collect": rows.crossJoin(hours).collect,
    "toPandas": rows.crossJoin(hours).toPandas,
    "fit": lambda: XGBoostEstimator({}, "y", num_boost_round=2).fit(hours),
}
for name, call in calls.items():
    interrupt(name, call)
    await_no_job(name)

begin_part("threads")
counts: list[int] = []
threads = [threading.Thread(target=convert, args=(number,)) for number in (10, 20, 30)]
for thread in threads:
    thread.start()
interrupt("from_spark", lambda: raydp.from_spark(hours), others=3)
for thread in threads:
    thread.join(120)
say("counts:", sorted(counts))
await_no_job("from_spark")

begin_part("after")
say("works:", raydp.from_spark(spark.range(10)).count(), rows.count())
say("views:", spark.catalog.listTables())
say("blocks:", settled_store_bytes() == before)
say("agents hold:", raydp.attach(spark).exchange.directory.counters())
spark.stop()
