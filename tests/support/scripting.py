"""What the programs of tests/programs have in common."""

from __future__ import annotations

import faulthandler
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import psutil
import ray

from support import datasets, programs
from support.log_monitor import leave_out_log_monitor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pyspark.sql import SparkSession

__all__ = ["attempt", "begin_part", "eventually", "kill_process_of_ray", "say", "start_job", "start_ray"]

faulthandler.register(signal.SIGUSR1)


def start_ray(num_cpus: int = 4, **options: Any) -> None:
    """Start a Ray cluster of one node for this program."""
    leave_out_log_monitor()
    ray.init(
        "local",
        num_cpus=num_cpus,
        object_store_memory=300 * 1024**2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="WARNING",
        **options,
    )


def kill_process_of_ray(name: str) -> None:
    """Kill a process of the cluster that this program has started, and wait for its end."""
    (process,) = [one for one in psutil.Process().children(recursive=True) if programs.name_of(one) == name]
    process.kill()
    process.wait(60)


def begin_part(name: str) -> None:
    """Start a part of the output, which the test gets by this name."""
    print(f"== {name}", flush=True)


def say(*words: object) -> None:
    """Print a fact that the test checks."""
    print(*words, flush=True)


def attempt(words: str, call: Callable[[], object]) -> None:
    """Print what a call returns, or the first line of its error."""
    try:
        say(words, call())
    except Exception as error:
        say(words, f"{type(error).__name__}: {str(error).splitlines()[0]}")


def eventually(
    what: str, condition: Callable[[], object], *, seconds: float = 150, state: Callable[[], object] = lambda: None
) -> None:
    """Wait until a condition holds, then say what it is. Fail with the state when the time is over."""
    assert datasets.eventually(lambda: bool(condition()), within=seconds), (what, state())
    say(what)


def start_job(spark: SparkSession, seconds: float) -> tuple[threading.Thread, list[tuple[int, int]]]:
    """Start a job of 60 slow rows in a thread. Return the thread and the list that gets the result."""

    def slowly(rows: Iterable[int]) -> Iterator[tuple[int, int]]:
        for row in rows:
            time.sleep(seconds)
            yield row % 3, 1

    result: list[tuple[int, int]] = []

    def run() -> None:
        pairs = spark.sparkContext.parallelize(range(60), 30).mapPartitions(slowly)
        result.extend(pairs.reduceByKey(lambda a, b: a + b, 2).collect())

    thread = threading.Thread(target=run)
    thread.start()
    return thread, result
