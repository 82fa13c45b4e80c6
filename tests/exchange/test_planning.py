"""What Spark's planner knows of a Ray Dataset: how it is divided among tasks, its size, what need not be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
import ray
import ray.data
from pyspark.sql import functions as F

import raydp
import raydp.spark
from raydp._exchange.driver.block_descriptions import useful_nodes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import DataFrame, SparkSession


@pytest.fixture
def eight_megabyte_partitions(spark: SparkSession) -> Iterator[None]:
    spark.conf.set("spark.sql.files.maxPartitionBytes", "8m")
    yield
    spark.conf.unset("spark.sql.files.maxPartitionBytes")


def plan(df: DataFrame) -> str:
    return str(df._jdf.queryExecution().executedPlan().toString())


def numbers(rows: int) -> pa.Table:
    return pa.table({"n": pa.array(range(rows), pa.int64()), "m": pa.array(range(rows), pa.int64())})


@pytest.mark.usefixtures("eight_megabyte_partitions")
def test_large_blocks_are_divided_and_small_ones_joined(spark: SparkSession) -> None:
    rows = 2 << 20  # 32 MB in one block
    large = raydp.spark.ray_dataset_to_spark_dataframe(spark, None, [ray.put(numbers(rows))])
    assert large.rdd.getNumPartitions() == 4
    assert large.select(F.sum("n"), F.count("n"), F.countDistinct("n")).first() == (rows * (rows - 1) // 2, rows, rows)
    small = raydp.spark.ray_dataset_to_spark_dataframe(spark, None, [ray.put(numbers(100)) for _ in range(60)])
    assert small.rdd.getNumPartitions() == spark.sparkContext.defaultParallelism
    assert small.count() == 6000


def test_tasks_are_sent_to_where_the_blocks_are(spark: SparkSession) -> None:
    address = ray.nodes()[0]["NodeManagerAddress"]
    df = raydp.spark.ray_dataset_to_spark_dataframe(spark, None, [ray.put(numbers(100_000))])
    # What the scheduler asks for: through whole-stage code generation down to the scan.
    locations = spark.sparkContext._jsc.sc().getPreferredLocs(df._jdf.queryExecution().toRdd(), 0)
    assert locations.mkString(",") == address


def test_a_copy_on_a_node_without_executors_does_not_count() -> None:
    assert useful_nodes(["driver", "here"], {"here", "there"}) == ["here"]
    assert useful_nodes(["driver", "elsewhere"], {"here"}) == ["driver", "elsewhere"]  # executors may come


def test_sizes_decide_what_is_broadcast(spark: SparkSession) -> None:
    large = raydp.to_spark(ray.data.from_arrow(numbers(1 << 20)), spark)
    other = raydp.to_spark(ray.data.from_arrow(numbers(1 << 20)), spark)
    few = raydp.to_spark(ray.data.from_arrow(numbers(1000)), spark)
    assert "BroadcastHashJoin" in plan(large.join(few, "n"))
    assert "SortMergeJoin" in plan(large.join(other, "n"))
    # Half of the columns are half of the bytes: 8 MB, which is below Spark's 10.
    assert "BroadcastHashJoin" in plan(large.join(other.select("n"), "n"))
    assert large.join(few, "n").count() == 1000


def test_fields_of_nested_columns_are_pushed_down(spark: SparkSession) -> None:
    part = pa.struct({"x": pa.int32(), "text": pa.string(), "deep": pa.struct({"a": pa.int64(), "b": pa.string()})})
    values = [{"x": n, "text": str(n), "deep": {"a": -n, "b": f"{n}"}} if n % 5 else None for n in range(40)]
    maps = [None if n % 7 == 0 else [(f"k{n}", values[n]), ("fixed", values[n - 1])] for n in range(40)]
    table = pa.table(
        {
            "n": range(40),
            "s": pa.array(values, part),
            "items": pa.array([values[:n] for n in range(40)], pa.list_(part)),
            "m": pa.array(maps, pa.map_(pa.string(), part)),
            "sub": pa.array(values, part),
        }
    )
    df = raydp.to_spark(ray.data.from_arrow(table), spark)
    parts = df.selectExpr("s.deep.b", "items.x", "m['fixed'].text AS t", "sub")
    whole = "struct<x:int,text:string,deep:struct<a:bigint,b:string>>"
    read = f"s:struct<deep:struct<b:string>>,items:array<struct<x:int>>,m:map<string,struct<text:string>>,sub:{whole}"
    assert f"reads: struct<{read}>" in plan(parts)
    for number, row in enumerate(parts.collect()):
        value = values[number]
        assert row.b == (value and value["deep"]["b"])
        assert row.x == [item and item["x"] for item in values[:number]]
        assert row.t == (values[number - 1]["text"] if number % 7 and (number - 1) % 5 else None)  # type: ignore[index]
        assert (row.sub and row.sub.asDict(recursive=True)) == value
    assert df.where("s.x > 20").selectExpr("sum(sub.deep.a)").first()[0] == -sum(n for n in range(21, 40) if n % 5)
    assert df.where("s IS NULL").count() == 8


def test_limits_and_columns_are_pushed_down(spark: SparkSession) -> None:
    # Reading a block behind the limit, or the other column, would fail.
    wanted = pa.table({"n": pa.array(range(10), pa.uint64()), "m": pa.array([2**64 - 1] * 10, pa.uint64())})
    unreadable = pa.table({"n": pa.array([2**64 - 1] * 10, pa.uint64()), "m": pa.array([1] * 10, pa.uint64())})
    df = raydp.to_spark(ray.data.from_arrow([wanted, unreadable]), spark)
    limited = df.select("n").limit(3)
    assert "limit 3" in plan(limited)
    assert [row.n for row in limited.collect()] == [0, 1, 2]
    assert df.count() == 20
