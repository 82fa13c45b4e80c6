"""``from_spark``: blocks, their owner and their release, errors, interruption."""

from __future__ import annotations

import gc
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
import ray
from pyspark.errors import PythonException
from pyspark.sql import functions as F
from pyspark.sql import types as T

import raydp
from raydp.errors import ExchangeError, InvalidArgumentError, NotADataFrameError, UnsupportedTypeError
from support import programs
from support.applications import agents, exports_in_progress, kill_agents
from support.datasets import block_refs, eventually, settled_store_bytes, store_bytes_used, sum_of, table_of
from support.interrupted_exports import interrupting_before_the_job

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pyspark.sql import Column, DataFrame, SparkSession


POINT = "st_geomfromwkb(X'0101000000000000000000F03F0000000000000040')"


@pytest.fixture(autouse=True)
def nothing_left_behind(spark: SparkSession) -> Iterator[None]:
    yield
    gc.collect()
    # No conversion, not even a failed one, leaves a participant, a block on its way or a job.
    assert exports_in_progress() == []
    assert eventually(lambda: not _active_jobs(spark))


def _active_jobs(spark: SparkSession) -> list[int]:
    return list(spark.sparkContext.statusTracker().getActiveJobsIds())


def numbers(spark: SparkSession, rows: int, partitions: int = 4) -> DataFrame:
    return spark.range(0, rows, 1, partitions).selectExpr(
        "id", "cast(id as double) / 2 as half", "cast(id as string) s"
    )


def agent_handles() -> list[Any]:
    return [agent.handle for agent in agents()]


def test_rows_come_in_the_order_of_the_partitions(spark: SparkSession) -> None:
    dataset = raydp.from_spark(numbers(spark, 100_000))
    table = table_of(dataset)
    assert table.column("id").to_pylist() == list(range(100_000))
    assert table.column("s")[99_999].as_py() == "99999"
    assert dataset.count() == 100_000
    assert dataset.size_bytes() == pytest.approx(table.nbytes, rel=0.2)


def test_the_dataset_knows_its_blocks_without_running_anything(spark: SparkSession) -> None:
    dataset = raydp.from_spark(numbers(spark, 1000))
    (metadata, *_) = [entry.metadata for bundle in dataset.iter_internal_ref_bundles() for entry in bundle.blocks]
    assert metadata.num_rows == 250
    assert dataset.num_blocks() == 4
    assert dataset.schema().base_schema == pa.schema([("id", pa.int64()), ("half", pa.float64()), ("s", pa.string())])
    assert "FromArrow" in dataset.stats()


def test_a_frame_without_rows_keeps_its_schema(spark: SparkSession) -> None:
    schema = "a int, b array<struct<x: string, y: decimal(10, 2)>>, c timestamp"
    df = spark.createDataFrame([], schema)
    dataset = raydp.from_spark(df)
    assert dataset.count() == 0
    assert dataset.schema().names == ["a", "b", "c"]
    assert dataset.take_all() == []
    assert (
        raydp.to_spark(dataset, spark).schema.simpleString() == spark.createDataFrame([], schema).schema.simpleString()
    )


def test_a_dropped_dataset_is_freed_without_the_garbage_collector(spark: SparkSession) -> None:
    before = settled_store_bytes(spark)
    gc.disable()
    try:
        dataset = raydp.from_spark(spark.range(0, 4_000_000, 1, 2))
        assert eventually(lambda: store_bytes_used() - before > 30e6)
        del dataset
        assert eventually(lambda: store_bytes_used() - before < 1e6)
    finally:
        gc.enable()


def test_a_command_is_not_run_again(spark: SparkSession) -> None:
    spark.range(1).createOrReplaceTempView("made_before")
    shown = spark.sql("SHOW TABLES LIKE 'made_*'")
    spark.range(1).createOrReplaceTempView("made_after")
    try:
        for num_blocks in (None, 2):
            assert [row["tableName"] for row in raydp.from_spark(shown, num_blocks=num_blocks).take_all()] == [
                "made_before"
            ]
    finally:
        spark.catalog.dropTempView("made_before")
        spark.catalog.dropTempView("made_after")


def test_partitions_without_rows_make_no_blocks(spark: SparkSession) -> None:
    df = numbers(spark, 1000, 8).where("id < 250")
    dataset = raydp.from_spark(df)
    assert dataset.num_blocks() == 2
    assert sum_of(dataset, "id") == sum(range(250))


@pytest.mark.parametrize("count", [1, 2, 7])
def test_the_number_of_blocks_can_be_asked_for(spark: SparkSession, count: int) -> None:
    dataset = raydp.from_spark(numbers(spark, 1000, 4), num_blocks=count)
    assert dataset.num_blocks() == count
    assert sorted(table_of(dataset).column("id").to_pylist()) == list(range(1000))


def test_large_partitions_become_several_blocks(spark: SparkSession) -> None:
    # 200 MB in one partition, blocks of 64 MiB.
    df = spark.range(0, 25_000_000, 1, 1)
    dataset = raydp.from_spark(df)
    assert dataset.num_blocks() >= 3
    assert max(ray.get(ref).nbytes for ref in block_refs(dataset)) <= 65 << 20
    assert dataset.count() == 25_000_000


@pytest.mark.parametrize("width", [3, 150])
@pytest.mark.parametrize("strings", [False, True])
def test_columns_of_cached_frames(spark: SparkSession, width: int, strings: bool) -> None:
    # Spark's own cache hands out columns for the first of these four only.
    columns = [F.when(F.col("id") % 7 != i % 7, F.col("id") * i).alias(f"c{i}") for i in range(width)]
    cached = spark.range(5000).select("id", *columns, *([F.hex("id").alias("s")] if strings else []))
    cached = cached.repartition(3).cache()
    try:
        for frame in (cached, cached.drop("s"), cached.drop("s").select("c1", "id").where("id > 100")):
            converted = table_of(raydp.from_spark(frame))
            expected = frame.toArrow()
            assert converted.column_names == expected.column_names
            assert converted.sort_by("id").to_pylist() == expected.sort_by("id").to_pylist()
    finally:
        cached.unpersist()


def with_nulls(expressions: dict[str, Column]) -> list[Column]:
    """Name the columns; each is null in other rows."""
    return [
        F.when(F.col("id") % 11 != number, value).alias(name)
        for number, (name, value) in enumerate(expressions.items())
    ]


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("nested", [False, True])
def test_cached_bytes_in_every_form(spark: SparkSession, compressed: bool, nested: bool) -> None:
    # Spark's cache holds strings plainly, as runs or with a dictionary, by what they are; more than one batch of each.
    unique, runs, few = (
        F.hex("id"),
        F.repeat(F.lit("Zürich "), (F.col("id") / 1000).cast("int")),
        F.hex(F.col("id") % 9),
    )
    expressions = {
        "unique": unique,
        "runs": runs,
        "few": few,
        "empty": F.lit(""),
        "absent": F.lit(None).cast("string"),
        "bytes": F.unhex(unique),
        "flag": F.col("id") % 2 == 0,
        "half": F.col("id") / 2,
        "day": F.date_add(F.lit("2024-02-28").cast("date"), (F.col("id") % 1000).cast("int")),
        "moment": F.timestamp_seconds(F.col("id") * 3600),
        "small_decimal": (F.col("id") * -7).cast("decimal(9, 2)"),
        "decimal": (F.col("id") * 123_456_789).cast("decimal(18, 3)"),
        "large_decimal": F.col("id").cast("decimal(38, 10)") * -10_000_000_019,
        "least": (F.col("id") % 100).cast("byte"),
        **(
            {
                "point": F.struct(F.col("id").alias("x"), few.alias("name"), F.array(runs, few).alias("names")),
                "items": F.when(F.col("id") % 5 != 0, F.array(F.col("id"), F.lit(None))),
                "measures": F.map_from_arrays(F.array(unique, F.lit("b")), F.array(F.col("id") / 3, F.lit(None))),
                "pairs": F.map_from_arrays(F.array(few), F.array(F.struct(runs.alias("run")))),
            }
            if nested
            else {}
        ),
    }
    frame = spark.range(0, 25_000, 1, 2).select("id", *with_nulls(expressions), few.alias("never_null"))
    expected = table_of(raydp.from_spark(frame)).to_pylist()
    spark.conf.set("spark.sql.inMemoryColumnarStorage.compressed", compressed)
    cached = frame.select("*").cache()
    try:
        assert table_of(raydp.from_spark(cached)).to_pylist() == expected
        some = ["few", "point", "id"] if nested else ["few", "runs", "id"]
        assert table_of(raydp.from_spark(cached.select(some))).to_pylist() == [
            {n: r[n] for n in some} for r in expected
        ]
    finally:
        cached.unpersist()
        spark.conf.unset("spark.sql.inMemoryColumnarStorage.compressed")


@pytest.mark.parametrize("off_heap", [False, True])
@pytest.mark.parametrize("form", ["parquet", "orc"])
def test_columns_of_files(spark: SparkSession, tmp_path: Path, form: str, off_heap: bool) -> None:
    few = F.hex(F.col("id") % 9)
    expressions = {
        "unique": F.hex("id"),
        "few": few,
        "empty": F.lit(""),
        "absent": F.lit(None).cast("string"),
        "bytes": F.unhex(F.hex("id")),
        "flag": F.col("id") % 2 == 0,
        "half": F.col("id") / 2,
        "third": (F.col("id") % 3).cast("int"),
        "day": F.date_add(F.lit("2024-02-28").cast("date"), (F.col("id") % 1000).cast("int")),
        "moment": F.timestamp_seconds(F.col("id") * 3600),
        "small_decimal": (F.col("id") * -7).cast("decimal(9, 2)"),
        "large_decimal": F.col("id").cast("decimal(38, 10)") * -10_000_000_019,
        "items": F.array(few, F.hex("id"), F.lit(None)),
        "point": F.struct(F.col("id").alias("x"), few.alias("name")),
    }
    frame = spark.range(0, 10_000, 1, 2).select("id", *with_nulls(expressions), few.alias("never_null"))
    expected = table_of(raydp.from_spark(frame)).to_pylist()
    spark.conf.set("spark.sql.columnVector.offheap.enabled", off_heap)
    try:
        for dictionaries in ("true", "false"):
            path = str(tmp_path / dictionaries)
            frame.write.option("parquet.enable.dictionary", dictionaries).format(form).save(path)
            found = table_of(raydp.from_spark(spark.read.format(form).load(path)))
            assert found.sort_by("id").to_pylist() == expected
    finally:
        spark.conf.unset("spark.sql.columnVector.offheap.enabled")


def test_cached_shuffled_and_python_frames(spark: SparkSession) -> None:
    cached = numbers(spark, 10_000).cache()
    assert sum_of(raydp.from_spark(cached), "id") == sum(range(10_000))
    cached.unpersist()
    grouped = numbers(spark, 10_000).groupBy((F.col("id") % 10).alias("k")).agg(F.sum("half").alias("total"))
    assert sum_of(raydp.from_spark(grouped), "total") == sum(range(10_000)) / 2
    double = F.udf(lambda value: value * 2, T.LongType())
    assert sum_of(raydp.from_spark(numbers(spark, 1000).select(double("id").alias("d"))), "d") == sum(range(1000)) * 2


def test_blocks_belong_to_this_process_and_survive_the_agents(spark: SparkSession) -> None:
    dataset = raydp.from_spark(numbers(spark, 200_000))
    before = agent_handles()
    kill_agents()
    assert table_of(dataset).column("id").to_pylist() == list(range(200_000))
    # Their successors serve the next conversion.
    assert raydp.from_spark(numbers(spark, 100)).count() == 100
    assert not set(before) & set(agent_handles())


def test_deleting_a_dataset_frees_its_blocks(spark: SparkSession) -> None:
    df = spark.range(0, 8_000_000, 1, 2)
    before = settled_store_bytes(spark)
    for _ in range(6):  # each takes 64 MB of the 512 that the store has
        dataset = raydp.from_spark(df)
        assert dataset.count() == 8_000_000
    assert eventually(lambda: store_bytes_used() - before > 60e6)
    del dataset
    assert eventually(lambda: gc.collect() >= 0 and store_bytes_used() - before < 10e6)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (POINT, r"column 'c', Spark type geometry"),
        (f"map('k', array(named_struct('x', {POINT})))", r"column 'c\.value\[\]\.x', Spark type geometry"),
    ],
)
@pytest.mark.promised("from_spark", "UnsupportedTypeError")
def test_unsupported_types_are_named_before_any_job(spark: SparkSession, column: str, message: str) -> None:
    group = f"unsupported {column}"
    spark.sparkContext.setJobGroup(group, group)
    with pytest.raises(UnsupportedTypeError, match=message):
        raydp.from_spark(spark.range(10).selectExpr("id", f"{column} as c"))
    assert list(spark.sparkContext.statusTracker().getJobIdsForGroup(group)) == []


@pytest.mark.promised("from_spark", "InvalidArgumentError")
def test_names_and_arguments_are_checked(spark: SparkSession) -> None:
    with pytest.raises(InvalidArgumentError, match=r"same name.*: id$"):
        raydp.from_spark(spark.range(1).selectExpr("id", "id"))
    with pytest.raises(InvalidArgumentError, match="no columns"):
        raydp.from_spark(spark.range(1).select())
    with pytest.raises(InvalidArgumentError, match=r"num_blocks.*: 0$"):
        raydp.from_spark(spark.range(1), num_blocks=0)
    with pytest.raises(NotADataFrameError, match="list"):
        raydp.from_spark([1])  # type: ignore[arg-type]


def test_an_error_of_the_users_code_stays_what_it_is(spark: SparkSession) -> None:
    broken = F.udf(lambda value: 1 // (value - 500), T.LongType())
    with pytest.raises(PythonException, match="ZeroDivisionError"):
        raydp.from_spark(numbers(spark, 1000).select(broken("id").alias("b")))
    assert raydp.from_spark(numbers(spark, 10)).count() == 10


def _slowly(spark: SparkSession) -> DataFrame:
    """A frame that sends some blocks soon and goes on for minutes."""

    def wait(value: int) -> int:
        time.sleep(0.001)
        return value

    return numbers(spark, 400_000, 40).select(F.udf(wait, T.LongType(), useArrow=False)("id").alias("id"))


def _when_a_job_runs(spark: SparkSession, action: Any) -> threading.Thread:
    def run() -> None:
        assert eventually(lambda: bool(_active_jobs(spark)))
        time.sleep(1.0)  # in the middle of it
        action()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Install Python's handler of SIGINT. A shell that starts pytest in the background disables it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_cancels_the_spark_job(spark: SparkSession) -> None:
    # As from a terminal: unlike _thread.interrupt_main, a signal also ends the wait that the main thread is in.
    main = threading.main_thread().ident
    assert main is not None
    helper = _when_a_job_runs(spark, lambda: signal.pthread_kill(main, signal.SIGINT))
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        raydp.from_spark(_slowly(spark))
    assert time.monotonic() - started < 60
    helper.join(10)
    assert eventually(lambda: not _active_jobs(spark))
    assert raydp.from_spark(numbers(spark, 10)).count() == 10


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_before_the_spark_job_lets_it_never_start(spark: SparkSession) -> None:
    with interrupting_before_the_job() as errors, pytest.raises(KeyboardInterrupt):
        raydp.from_spark(_slowly(spark))
    assert [str(error).partition(" Export:")[0] for error in errors] == ["The conversion was cancelled."]
    assert not _active_jobs(spark)
    assert raydp.from_spark(numbers(spark, 10)).count() == 10


@pytest.mark.nightly
def test_no_job_goes_on_after_an_interrupt_at_a_random_moment(pytestconfig: pytest.Config) -> None:
    outcome = programs.run("exchange/random_interrupts", str(pytestconfig.getoption("--seed")), timeout=900)
    assert outcome.code == 0, outcome.everything


@pytest.mark.promised("from_spark", "ExchangeError")
def test_a_conversion_whose_agents_die_every_time_fails(spark: SparkSession) -> None:
    raydp.from_spark(numbers(spark, 10))
    stopped = threading.Event()

    def kill_all() -> None:
        while not stopped.wait(0.5):
            if _active_jobs(spark):
                kill_agents()

    helper = threading.Thread(target=kill_all, daemon=True)
    helper.start()
    try:
        with pytest.raises(ExchangeError, match=r"exchange agent of a node died|could not exchange its rows"):
            raydp.from_spark(_slowly(spark))
    finally:
        stopped.set()
        helper.join(10)
    assert raydp.from_spark(numbers(spark, 10)).count() == 10


def test_a_failed_task_is_tried_again_without_half_a_block(spark: SparkSession, tmp_path: Any) -> None:
    marker = tmp_path / "failed once"

    def fail_once(value: int) -> int:
        if value == 700 and not marker.exists():
            marker.touch()
            raise RuntimeError("the first attempt fails for the test")
        return value

    df = numbers(spark, 1000, 2).select(F.udf(fail_once, T.LongType(), useArrow=False)("id").alias("id"))
    assert table_of(raydp.from_spark(df)).column("id").to_pylist() == list(range(1000))
    assert marker.exists()


def test_conversions_at_the_same_time(spark: SparkSession) -> None:
    results: dict[int, int] = {}

    def convert(index: int) -> None:
        results[index] = sum_of(raydp.from_spark(numbers(spark, 1000 * (index + 1))), "id")

    threads = [threading.Thread(target=convert, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert results == {index: sum(range(1000 * (index + 1))) for index in range(4)}
