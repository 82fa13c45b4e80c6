"""A Dataset that is converted to a DataFrame runs once, whichever function converts it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
import ray
import ray.data

import raydp
from raydp.errors import NotADataFrameError, SessionError, UnsupportedTypeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import DataFrame, SparkSession


@ray.remote(num_cpus=0)
class Counter:
    """Counts rows in all workers."""

    def __init__(self) -> None:
        self._rows = 0

    def add(self, rows: int) -> None:
        self._rows += rows

    def rows(self) -> int:
        return self._rows


WAYS: dict[str, Callable[[ray.data.Dataset, SparkSession], DataFrame]] = {
    "ds.to_spark(spark)": lambda ds, spark: ds.to_spark(spark),
    "raydp.to_spark(ds)": lambda ds, _: raydp.to_spark(ds),
    "register": lambda ds, spark: [raydp.register(ds, "run_once"), spark.table("ray.run_once")][1],
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("blocks", [1, 3])
def test_each_row_is_computed_once(spark: SparkSession, way: str, blocks: int) -> None:
    counter: Any = Counter.remote()

    def count(batch: dict[str, Any]) -> dict[str, Any]:
        ray.get(counter.add.remote(len(batch["id"])))
        return batch

    df = WAYS[way](ray.data.range(30, override_num_blocks=blocks).map_batches(count, batch_size=None), spark)
    assert df.count() == 30
    assert sorted(row.id for row in df.collect()) == list(range(30))
    assert ray.get(counter.rows.remote()) == 30
    if way == "register":
        raydp.unregister("run_once")


def test_a_dataset_that_is_stored_is_not_run_again(spark: SparkSession) -> None:
    ds = raydp.from_spark(spark.range(5))
    assert sorted(row.id for row in ds.to_spark(spark).collect()) == list(range(5))


@pytest.mark.promised("to_spark", "NotADataFrameError")
def test_the_method_raises_the_errors_of_raydp(spark: SparkSession) -> None:
    mixed = ray.data.from_arrow([pa.table({"a": [1]}), pa.table({"a": ["x"]})])
    with pytest.raises(UnsupportedTypeError, match="different types for one column"):
        mixed.to_spark(spark)
    with pytest.raises(SessionError, match=r"got builtins\.str"):
        mixed.to_spark("spark")  # type: ignore[arg-type]
    with pytest.raises(NotADataFrameError):
        raydp.to_spark("ds")  # type: ignore[arg-type]


@pytest.mark.parametrize("order", ["raydp, ray.data", "ray.data, raydp"])
def test_the_order_of_the_imports_does_not_matter(order: str) -> None:
    code = f"import {order}, sys; left = [one for one in sys.meta_path if type(one).__module__.startswith('raydp')]; "
    code += "print(hasattr(ray.data.Dataset.to_spark, '_raydp_original'), left)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found == "True []\n"
