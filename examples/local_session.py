"""Starts a local Ray cluster with a Spark session for the examples."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

import ray
import ray.data

import raydp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession


@contextmanager
def local_session(name: str, *, free_cores: int) -> Iterator[SparkSession]:
    """Start Ray and Spark, and stop both at the end.

    Args:
        name: Name of the Spark application.
        free_cores: Cores in addition to that of Spark's single executor. Ray only counts them, so there can be more
            than the machine has.
    """
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    ray.data.DataContext.get_current().enable_progress_bars = False
    ray.init("local", num_cpus=free_cores + 1, include_dashboard=False)
    try:
        yield raydp.init_spark(name, num_executors=1, executor_cores=1, executor_memory="1g")
    finally:
        raydp.stop_spark()
        ray.shutdown()
