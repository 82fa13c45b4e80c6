"""The ways to move data between Spark and Ray that the benchmark compares."""

from __future__ import annotations

import shutil
from math import isclose
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import ray
import ray.data
from measuring import FLOOR, Implementation, timed

import raydp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pyspark.sql import DataFrame, SparkSession

SLOW_ROUNDS = 3
_COPY_CHUNK_BYTES = 64 * 1024**2


def noop_sink(frame: DataFrame) -> None:
    """Compute every row and discard it: the work that Spark must do in any case."""
    frame.write.format("noop").mode("overwrite").save()


def from_spark(frame: DataFrame, size: int, folder: Path) -> list[Implementation]:
    """Return the ways to convert a DataFrame of `size` Arrow bytes to a Ray Dataset, or at least to a Ray object."""
    return [
        Implementation(FLOOR, timed(lambda: noop_sink(frame))),
        Implementation("raydp", timed(lambda: raydp.from_spark(frame)), has_segments=True),
        Implementation("memcpy", memory_copy(size)),
        Implementation("arrow", timed(lambda: ray.put(frame.toArrow())), SLOW_ROUNDS),
        Implementation("parquet", timed(lambda: through_parquet(frame, folder / "handoff")), SLOW_ROUNDS),
    ]


def to_spark(
    spark: SparkSession, dataset: ray.data.Dataset, cached: DataFrame, terms: dict[str, str], folder: Path
) -> list[Implementation]:
    """Return the ways to sum columns of a Dataset in Spark. The floor reads them from Spark's cache."""
    expected = aggregate(cached, terms)

    def summing(frame: Callable[[], DataFrame]) -> Callable[[], float]:
        return timed(lambda: expect_equal(aggregate(frame(), terms), expected))

    return [
        Implementation(FLOOR, summing(lambda: cached)),
        Implementation("raydp", summing(lambda: raydp.to_spark(dataset, spark)), has_segments=True),
        Implementation("memcpy", memory_copy(column_bytes(dataset, list(terms)))),
        Implementation("arrow", summing(lambda: spark.createDataFrame(arrow_table(dataset))), SLOW_ROUNDS),
        Implementation("parquet", summing(lambda: from_parquet(spark, dataset, folder / "handoff")), SLOW_ROUNDS),
    ]


def aggregate(frame: DataFrame, terms: dict[str, str]) -> list[float]:
    [row] = frame.selectExpr(*(f"sum({term})" for term in terms.values())).collect()
    return [float(value) for value in row]


def expect_equal(sums: list[float], expected: list[float]) -> None:
    # The ways add the values in different orders.
    for number, (value, wanted) in enumerate(zip(sums, expected, strict=True)):
        if not isclose(value, wanted, rel_tol=1e-9):
            raise AssertionError(f"sum {number} differs from the one over Spark's cache: {value!r}, not {wanted!r}")


def arrow_tables(dataset: ray.data.Dataset) -> Iterator[pa.Table]:
    """Return the blocks in the object store, without a copy."""
    return (ray.get(block) for block in dataset.to_arrow_refs())


def arrow_table(dataset: ray.data.Dataset) -> pa.Table:
    return pa.concat_tables(arrow_tables(dataset))


def column_bytes(dataset: ray.data.Dataset, columns: list[str]) -> int:
    return sum(table.select(columns).nbytes for table in arrow_tables(dataset))


def through_parquet(frame: DataFrame, folder: Path) -> ray.data.Dataset:
    """Convert a DataFrame to a Dataset through Parquet files."""
    frame.write.mode("overwrite").parquet(str(folder))
    return ray.data.read_parquet(str(folder)).materialize()


def from_parquet(spark: SparkSession, dataset: ray.data.Dataset, folder: Path) -> DataFrame:
    """Convert a Dataset to a DataFrame through Parquet files."""
    shutil.rmtree(folder, ignore_errors=True)
    dataset.write_parquet(str(folder))
    return spark.read.parquet(str(folder))


def memory_copy(size: int) -> Callable[[], float]:
    """Return a timed copy of `size` bytes between two warm buffers, which are larger than the processor's caches."""
    source = np.ones(min(size, _COPY_CHUNK_BYTES), dtype=np.uint8)
    target = np.empty_like(source)

    def copy() -> None:
        for start in range(0, size, _COPY_CHUNK_BYTES):
            piece = min(_COPY_CHUNK_BYTES, size - start)
            np.copyto(target[:piece], source[:piece])

    copy()
    return timed(copy)
