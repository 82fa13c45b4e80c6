"""Looking into Ray's Datasets and store from tests."""

from __future__ import annotations

import gc
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import ray

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import SparkSession

__all__ = [
    "block_refs",
    "collect_garbage",
    "eventually",
    "executions",
    "settled_store_bytes",
    "shared_names",
    "store_bytes_used",
    "sum_of",
    "table_of",
]

_STEADY_LOOKS = 20  # a second


def block_refs(dataset: ray.data.Dataset) -> list[ray.ObjectRef[Any]]:
    """Return references to the blocks of a Dataset, in order."""
    return [entry.ref for bundle in dataset.iter_internal_ref_bundles() for entry in bundle.blocks]


def table_of(dataset: ray.data.Dataset) -> pa.Table:
    """Return all rows of a Dataset of Arrow blocks as one table."""
    return pa.concat_tables(ray.get(block_refs(dataset)))


def sum_of(dataset: ray.data.Dataset, column: str) -> Any:
    """Return the sum of a column. Ray Data's own aggregation of a few rows takes seconds."""
    return pc.sum(table_of(dataset).column(column)).as_py()


def executions(dataset: ray.data.Dataset) -> int:
    """Return how often Ray Data has started an executor for a Dataset."""
    return dataset._run_index + 1


def store_bytes_used() -> float:
    """Return how many bytes of Ray's object store are in use."""
    return ray.cluster_resources()["object_store_memory"] - ray.available_resources().get("object_store_memory", 0.0)


def settled_store_bytes(spark: SparkSession | None = None) -> float:
    """Wait until what earlier tests dropped has been freed, then return how many bytes are in use."""
    used: list[float] = []

    def steady() -> bool:
        if len(used) % _STEADY_LOOKS == 0:  # both garbage collectors take long
            gc.collect() if spark is None else collect_garbage(spark)
        used.append(store_bytes_used())
        return len(used) >= 2 * _STEADY_LOOKS and len(set(used[-2 * _STEADY_LOOKS :])) == 1

    assert eventually(steady)
    return used[-1]


def collect_garbage(spark: SparkSession) -> None:
    """Run both garbage collectors. DataFrames that nothing refers to end their leases."""
    gc.collect()
    spark.sparkContext._jvm.System.gc()


def eventually(condition: Callable[[], bool], *, within: float = 60.0) -> bool:
    """Return whether a condition becomes true in time."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def shared_names() -> set[str]:
    """Return the names in the machine's shared memory. What a process leaves there is never freed."""
    return {path.name for path in Path("/dev/shm").iterdir()}
