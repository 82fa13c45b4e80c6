"""How much shared memory the executors of the running application hold."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

__all__ = ["executor_pids", "touched_segment_bytes"]

_SEGMENT = "/memfd:raydp-segment"


def executor_pids(spark: SparkSession, tasks: int = 8) -> set[int]:
    """Return the processes of the executors that take part in a job of so many tasks."""

    def jvm_of_this_worker(rows: object) -> list[int]:
        del rows
        parents = psutil.Process(os.getpid()).parents()
        return [next(process.pid for process in parents if process.name() == "java")]

    return set(spark.sparkContext.parallelize(range(tasks), tasks).mapPartitions(jvm_of_this_worker).collect())


def touched_segment_bytes(pid: int) -> int:
    """Return how many bytes of its segments a process has touched."""
    touched, inside = 0, False
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        words = line.split()
        if not words[0].endswith(":"):
            inside = _SEGMENT in line
        elif inside and words[0] == "Rss:":
            touched += int(words[1]) * 1024
    return touched
