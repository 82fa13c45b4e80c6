"""``to_spark``: what is read, how long it is held, and errors."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pytest
import ray
import ray.data
from pyspark.sql import functions as F

import raydp
import raydp.spark
from raydp.errors import InvalidArgumentError, UnsupportedTypeError
from support.applications import held_datasets, kill_agents, open_blocks
from support.datasets import collect_garbage, eventually, settled_store_bytes, store_bytes_used

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Row, SparkSession


def at_rest(spark: SparkSession) -> tuple[int, float]:
    """Wait until what earlier tests dropped is freed. Return how many Datasets are held, for views, and bytes used."""
    used = settled_store_bytes(spark)
    return held_datasets(), used


def released(spark: SparkSession, count: int) -> bool:
    """Return whether at most ``count`` Datasets are held once both garbage collectors have run."""

    def looked() -> bool:
        collect_garbage(spark)
        return held_datasets() <= count

    return eventually(looked)


def sums_in_group(df: DataFrame, group: str) -> Row:
    df.sparkSession.sparkContext.setJobGroup(group, group)
    return df.agg(*[F.sum(name) for name in df.columns]).collect()[0]


def test_columns_rows_and_reuse(spark: SparkSession) -> None:
    dataset = ray.data.range(10_000, override_num_blocks=5).map_batches(lambda b: {**b, "twice": b["id"] * 2})
    df = raydp.to_spark(dataset, spark)
    assert df.columns == ["id", "twice"]
    for _ in range(2):
        assert df.count() == 10_000
        assert df.agg(F.sum("twice")).collect()[0][0] == sum(range(10_000)) * 2
    assert df.where("id = 77").select("twice").collect()[0][0] == 154
    assert len(df.limit(3).collect()) == 3
    assert df.join(df.selectExpr("id as other"), F.col("id") == F.col("other")).count() == 10_000


def test_the_ways_that_ray_has_itself(spark: SparkSession) -> None:
    dataset = ray.data.from_spark(spark.range(1000))
    assert dataset.to_spark(spark).agg(F.sum("id")).collect()[0][0] == sum(range(1000))
    grouped = ray.data.from_pandas(pd.DataFrame({"a": [1, 2, 3]}))
    assert sorted(row.a for row in grouped.to_spark(spark).collect()) == [1, 2, 3]


def test_pandas_blocks_agree_on_the_widest_types(spark: SparkSession) -> None:
    frames = [
        pd.DataFrame({"n": [1, 2], "s": ["x", None], "t": pd.to_datetime(["2020-01-01", None], utc=True)}),
        pd.DataFrame({"n": [0.5, None], "s": [None, None], "t": [None, None]}),
        pd.DataFrame({"n": pd.Series([], dtype="int64"), "s": pd.Series([], dtype="object"), "t": []}),
    ]
    df = raydp.to_spark(ray.data.from_pandas(frames), spark)
    assert df.schema.simpleString() == "struct<n:double,s:string,t:timestamp>"
    assert [(row.n, row.s, row.t is None) for row in df.collect()] == [
        (1.0, "x", False),
        (2.0, None, True),
        (0.5, None, True),
        (None, None, True),
    ]


def test_pandas_batches_of_ray_data(spark: SparkSession) -> None:
    def add(batch: pd.DataFrame) -> pd.DataFrame:
        batch["text"] = batch["id"].astype(str)
        return batch

    dataset = ray.data.range(100, override_num_blocks=3).map_batches(add, batch_format="pandas")
    df = raydp.to_spark(dataset, spark)
    assert df.schema.simpleString() == "struct<id:bigint,text:string>"
    assert df.selectExpr("sum(cast(text as bigint))").collect()[0][0] == sum(range(100))


def test_in_a_thread_that_did_not_make_the_session(spark: SparkSession) -> None:
    with ThreadPoolExecutor(1) as other:
        assert other.submit(lambda: raydp.to_spark(ray.data.range(10)).count()).result(timeout=120) == 10


def test_a_missing_schema_is_taken_from_the_blocks(spark: SparkSession) -> None:
    refs = [ray.put(pa.table({"a": pa.array([1], pa.uint8())})), ray.put(pa.table({"a": pa.array([None], pa.null())}))]
    df = raydp.spark.ray_dataset_to_spark_dataframe(spark, None, refs)
    assert df.schema.simpleString() == "struct<a:smallint>"
    assert [row.a for row in df.collect()] == [1, None]
    with pytest.raises(InvalidArgumentError, match="no rows and no schema"):
        raydp.spark.ray_dataset_to_spark_dataframe(spark, None, [])
    empty = raydp.spark.ray_dataset_to_spark_dataframe(spark, pa.schema([("a", pa.int8())]), [])
    assert empty.collect() == []


def test_blocks_without_common_types_are_refused(spark: SparkSession) -> None:
    refs = [ray.put(pa.table({"a": [1]})), ray.put(pa.table({"a": ["x"]}))]
    with pytest.raises(UnsupportedTypeError, match=r"different types for one column.*a"):
        raydp.spark.ray_dataset_to_spark_dataframe(spark, None, refs)


@pytest.mark.parametrize(
    ("column", "shown"),
    [
        (pa.array([Decimal(1)], pa.decimal256(76, 40)), "decimal256"),
        (pa.ExtensionArray.from_storage(pa.opaque(pa.int8(), "a", "b"), pa.array([1], pa.int8())), "extension"),
    ],
)
@pytest.mark.promised("to_spark", "UnsupportedTypeError")
def test_unsupported_types_are_named(spark: SparkSession, column: pa.Array, shown: str) -> None:
    others, _ = at_rest(spark)
    dataset = ray.data.from_arrow(pa.table({"fine": [1], "c": column}))
    with pytest.raises(UnsupportedTypeError, match=rf"column 'c', Arrow type {shown}"):
        raydp.to_spark(dataset, spark)
    assert held_datasets() == others


def test_values_that_do_not_fit_are_named_when_they_are_read(spark: SparkSession) -> None:
    table = pa.table({"n": pa.array([1, 2**63], pa.uint64()), "fine": [1, 2]})
    df = raydp.to_spark(ray.data.from_arrow(table), spark)
    assert df.selectExpr("sum(fine)").collect()[0][0] == 3
    with pytest.raises(Exception, match=r"column 'n', type uint64.*for example 9223372036854775808"):
        df.agg(F.sum("n")).collect()


def test_derived_frames_keep_the_blocks_and_their_end_frees_them(spark: SparkSession) -> None:
    others, before = at_rest(spark)
    refs = [ray.put(pa.table({"n": pa.array(range(4 << 20), pa.int64())}))]
    df = raydp.spark.ray_dataset_to_spark_dataframe(spark, None, refs)
    del refs
    df.createOrReplaceTempView("numbers_of_ray")
    derived = df.where("n % 2 = 0").select((F.col("n") + 1).alias("m"))
    del df
    collect_garbage(spark)
    assert not eventually(lambda: held_datasets() == others, within=2)
    assert derived.agg(F.max("m")).collect()[0][0] == (4 << 20) - 1
    del derived
    collect_garbage(spark)
    assert spark.sql("select count(*) from numbers_of_ray").collect()[0][0] == 4 << 20
    assert store_bytes_used() - before > 30e6
    spark.catalog.dropTempView("numbers_of_ray")
    assert released(spark, others)
    assert eventually(lambda: store_bytes_used() - before < 5e6)


def test_frames_are_readable_after_the_agents_died(spark: SparkSession) -> None:
    df = raydp.to_spark(ray.data.range(1000, override_num_blocks=4), spark)
    assert df.agg(F.max("id")).collect()[0][0] == 999
    kill_agents()
    assert df.agg(F.sum("id")).collect()[0][0] == sum(range(1000))


def test_no_task_fails_when_the_agents_die_under_reads(spark: SparkSession) -> None:
    rows, blocks = 2_000_000, 16
    refs = [ray.put(pa.table({f"c{i}": pa.array(range(rows), pa.int64()) for i in range(4)}))] * blocks
    df = raydp.spark.ray_dataset_to_spark_dataframe(spark, None, refs)
    assert eventually(lambda: open_blocks() == 0)
    with ThreadPoolExecutor(1) as jobs:
        reading = jobs.submit(sums_in_group, df, "agents die under reads")
        assert eventually(lambda: open_blocks() > 0)
        assert not reading.done()
        kill_agents()
        assert set(reading.result(timeout=120)) == {blocks * rows * (rows - 1) // 2}
    tracker = spark.sparkContext.statusTracker()
    stages = [
        tracker.getStageInfo(stage)
        for job in tracker.getJobIdsForGroup("agents die under reads")
        for stage in tracker.getJobInfo(job).stageIds
    ]
    assert sum(stage.numCompletedTasks for stage in stages) > 0
    assert sum(stage.numFailedTasks for stage in stages) == 0


def test_only_needed_columns_are_read(spark: SparkSession) -> None:
    # Reading the other column would fail.
    table = pa.table({"n": pa.array([2**64 - 1], pa.uint64()), "s": ["fine"]})
    df = raydp.to_spark(ray.data.from_arrow(table), spark)
    assert df.select("s").collect()[0].s == "fine"
    assert df.count() == 1


def test_large_strings_and_many_small_chunks(spark: SparkSession) -> None:
    chunks = [pa.table({"s": pa.array([f"{i} " + "x" * 1000] * 3, pa.large_string())}) for i in range(500)]
    refs = [ray.put(pa.concat_tables(chunks))]
    df = raydp.spark.ray_dataset_to_spark_dataframe(spark, None, refs)
    assert df.count() == 1500
    assert df.selectExpr("sum(cast(split(s, ' ')[0] as bigint))").collect()[0][0] == 3 * sum(range(500))


def test_names_are_checked(spark: SparkSession) -> None:
    # Ray cannot hold a table with repeated names, but the schema comes from the user.
    twice = pa.schema([("a", pa.int64()), ("a", pa.int64())])
    with pytest.raises(InvalidArgumentError, match=r"same name.*: a$"):
        raydp.spark.ray_dataset_to_spark_dataframe(spark, twice, [ray.put(pa.table({"a": [1]}))])


def test_the_last_frame_frees_the_blocks_by_itself(spark: SparkSession) -> None:
    others, before = at_rest(spark)
    df = raydp.to_spark(ray.data.from_arrow(pa.table({"n": pa.array(range(4 << 20), pa.int64())})), spark)
    assert df.where("n > 0").count() == (4 << 20) - 1
    assert eventually(lambda: store_bytes_used() - before > 30e6)
    del df
    gc.collect()  # PySpark's frames are in reference cycles
    assert eventually(lambda: held_datasets() == others and store_bytes_used() - before < 5e6)
