"""Memory that stays bounded, and work that is cut off: by failures, cancelling and kills."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import ray
from pyspark import TaskContext
from pyspark.sql import functions as F

import raydp
from raydp._native import ExchangeError as NativeError
from support import applications
from support.agents import application
from support.applications import agents
from support.datasets import collect_garbage, eventually, settled_store_bytes, store_bytes_used, sum_of, table_of
from support.segments import executor_pids, touched_segment_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

MEBIBYTE = 1 << 20
SEGMENT_BYTES = 64 * MEBIBYTE
# A segment may keep a quarter more pages than a block has bytes.
TASK_BYTES = 2 * SEGMENT_BYTES * 5 // 4


def agent_counters() -> dict[str, int]:
    (counters,) = applications.agent_counters()
    return counters


def wide(spark: SparkSession, megabytes: int, partitions: int = 2) -> DataFrame:
    return spark.range(0, megabytes * MEBIBYTE // 32, 1, partitions).selectExpr("id", "id a", "id b", "id c")


@pytest.mark.nightly
def test_idle_and_busy_connections_share_the_bound(spark: SparkSession) -> None:
    """Each executor has one core, so it may have the segments of one task only."""
    executors = executor_pids(spark)
    peaks: dict[int, int] = {}
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.05):
            for pid in executors:
                peaks[pid] = max(peaks.get(pid, 0), touched_segment_bytes(pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for _ in range(2):
            numbers = raydp.from_spark(wide(spark, 200))
            df = raydp.to_spark(numbers, spark)
            expected = sum(range(200 * MEBIBYTE // 32))
            assert df.selectExpr("sum(id)", "sum(a)", "sum(b)", "sum(c)").first() == (expected,) * 4
            texts = raydp.from_spark(df.selectExpr("cast(id as string) s").limit(2_000_000))
            assert texts.count() == 2_000_000
            del numbers, texts, df
            # An agent learns of the end of a connection a moment later.
            assert eventually(lambda: agent_counters()["segments"] <= 2 * len(executors))
    finally:
        ended.set()
        watcher.join()
    assert len(executors) == 2
    assert max(peaks.values()) > SEGMENT_BYTES
    # One stage reads and writes at once: two conversions of two segments each.
    assert max(peaks.values()) <= 2 * TASK_BYTES
    for pid in executors:
        assert touched_segment_bytes(pid) <= TASK_BYTES


@pytest.mark.slow
def test_conversions_in_a_store_that_holds_three(spark: SparkSession, request: pytest.FixtureRequest) -> None:
    conversions = request.config.getoption("--conversions")
    before = settled_store_bytes(spark)
    df = wide(spark, 150)
    for _ in range(conversions):
        dataset = raydp.from_spark(df)
        del dataset
    assert eventually(lambda: store_bytes_used() - before < 10e6)
    dataset = raydp.from_spark(df)
    for _ in range(conversions // 4):
        back = raydp.to_spark(dataset, spark)
        assert back.agg(F.max("a")).first()[0] == 150 * MEBIBYTE // 32 - 1  # type: ignore[index]
        del back
        dataset = raydp.from_spark(df)
    del dataset
    gc.collect()
    assert eventually(lambda: store_bytes_used() - before < 10e6, within=60)


@pytest.mark.slow
def test_more_data_than_the_store_holds_is_spilled_both_ways(spark: SparkSession) -> None:
    rows = 1200 * MEBIBYTE // 32  # the store has 512 MiB
    dataset = raydp.from_spark(wide(spark, 1200))
    assert dataset.count() == rows
    df = raydp.to_spark(dataset, spark)
    assert df.selectExpr("sum(id)", "sum(c)").first() == (rows * (rows - 1) // 2,) * 2
    del dataset, df
    collect_garbage(spark)


@pytest.mark.slow
@pytest.mark.nightly
def test_more_than_two_gibibytes_of_text_in_one_column_of_one_partition(spark: SparkSession) -> None:
    df = spark.range(0, 2200, 1, 1).selectExpr("repeat('x', 1048576 + cast(id as int)) s")
    dataset = raydp.from_spark(df)
    assert dataset.num_blocks() > 30
    lengths = raydp.to_spark(dataset, spark).selectExpr("count(*)", "sum(length(s))", "max(length(s))")
    assert lengths.first() == (2200, 2200 * 1048576 + sum(range(2200)), 1048576 + 2199)


def test_a_row_larger_than_a_segment_gets_a_larger_one_for_itself(spark: SparkSession) -> None:
    df = spark.range(0, 3, 1, 1).selectExpr("id", "repeat('x', if(id = 1, 100000000, 10)) s")
    dataset = raydp.from_spark(df)
    back = raydp.to_spark(dataset, spark)
    assert [tuple(row) for row in back.selectExpr("id", "length(s)").collect()] == [(0, 10), (1, 100_000_000), (2, 10)]
    assert eventually(lambda: agent_counters()["segments"] <= 4)


def _in_pieces(first_attempt_fails_after: int | None, marker: Path | None = None) -> Any:
    """Rows in batches of 8 MB, 20 per partition; the first attempt can fail when blocks of it are stored."""

    def pieces(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import numpy as np
        import pyarrow as pa

        for _ in batches:
            pass
        context = TaskContext.get()
        assert context is not None
        start = context.partitionId() * 20
        for number in range(start, start + 20):
            if number - start == first_attempt_fails_after and context.attemptNumber() == 0:
                raise RuntimeError("the first attempt fails for the test")
            if marker is not None and number - start == 15 and context.attemptNumber() == 0:
                marker.touch()
                time.sleep(60)  # until it is killed
            yield pa.record_batch([pa.array(np.arange(number * MEBIBYTE, (number + 1) * MEBIBYTE))], ["n"])

    return pieces


def test_blocks_of_a_failed_attempt_are_in_no_dataset(spark: SparkSession) -> None:
    df = spark.range(0, 2, 1, 2).mapInArrow(_in_pieces(12), "n long")
    dataset = raydp.from_spark(df)
    rows = 40 * MEBIBYTE
    assert (dataset.count(), sum_of(dataset, "n")) == (rows, rows * (rows - 1) // 2)


def _when(condition: Any, action: Any, done: Path | None = None) -> threading.Thread:
    """Act in a thread as soon as a condition holds. Then make the file ``done``, if it is given."""

    def wait() -> None:
        assert eventually(condition)
        action()
        if done is not None:
            done.touch()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def test_a_cancelled_job_frees_all_that_it_held(spark: SparkSession, tmp_path: Path) -> None:
    before = settled_store_bytes(spark)
    marker = tmp_path / "blocks are stored"
    spark.sparkContext.setJobGroup("to be cancelled", "to be cancelled")
    try:
        helper = _when(marker.exists, lambda: spark.sparkContext.cancelJobGroup("to be cancelled"))
        with pytest.raises(Exception, match=r"(?i)cancelled"):
            raydp.from_spark(spark.range(0, 2, 1, 2).mapInArrow(_in_pieces(None, marker), "n long"))
        helper.join(60)
    finally:
        spark.sparkContext.setLocalProperty("spark.jobGroup.id", None)  # type: ignore[arg-type]
    gc.collect()
    assert eventually(lambda: store_bytes_used() - before < 10e6)
    # The killed tasks' connections are gone with their segments; idle ones of others may be kept warm.
    assert eventually(lambda: agent_counters()["segments"] <= 4)
    assert raydp.from_spark(spark.range(10)).count() == 10


@pytest.mark.parametrize("victim", ["agent", "executor"])
def test_a_kill_in_the_middle_of_from_spark_gives_the_same_rows(
    spark: SparkSession, tmp_path: Path, victim: str
) -> None:
    raydp.from_spark(spark.range(10))
    marker = tmp_path / "blocks are stored"
    executors = executor_pids(spark)

    def kill() -> None:
        if victim == "agent":
            os.kill(_agent_pid(), signal.SIGKILL)
        else:
            os.kill(min(executors), signal.SIGKILL)

    killed = tmp_path / "a process is killed"
    pieces = _in_pieces(None)  # functions of this module cannot be looked up in executors

    def once(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for number, batch in enumerate(pieces(batches)):
            if number == 15 and not marker.exists():
                marker.touch()
                deadline = time.monotonic() + 60
                while not killed.exists() and time.monotonic() < deadline:
                    time.sleep(0.05)
            yield batch

    helper = _when(marker.exists, kill, killed)
    dataset = raydp.from_spark(spark.range(0, 2, 1, 2).mapInArrow(once, "n long"))
    helper.join(60)
    rows = 40 * MEBIBYTE
    assert (dataset.count(), sum_of(dataset, "n")) == (rows, rows * (rows - 1) // 2)


@pytest.mark.parametrize("victim", ["agent", "executor"])
def test_a_kill_in_the_middle_of_to_spark_gives_the_same_rows(spark: SparkSession, tmp_path: Path, victim: str) -> None:
    rows = 6 * MEBIBYTE
    df = raydp.to_spark(ray.data.range(rows, override_num_blocks=12), spark)
    marker, killed = tmp_path / "rows are read", tmp_path / "a process is killed"
    executors = executor_pids(spark)

    def slowly(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for number, batch in enumerate(batches):
            if number == 2 and not marker.exists():
                marker.touch()
                deadline = time.monotonic() + 60
                while not killed.exists() and time.monotonic() < deadline:
                    time.sleep(0.05)
            yield batch

    def kill() -> None:
        os.kill(_agent_pid() if victim == "agent" else min(executors), signal.SIGKILL)

    helper = _when(marker.exists, kill, killed)
    assert df.mapInArrow(slowly, "id long").agg(F.sum("id")).first() == (rows * (rows - 1) // 2,)
    helper.join(60)


def _agent_pid() -> int:
    (agent,) = agents()
    return int(ray.get(agent.handle.process_id.remote()))


def test_strangers_are_logged(ray_cluster: Any) -> None:
    with application() as app:
        agent = app.agent()
        pid = ray.get(agent.handle.process_id.remote())
        with pytest.raises(NativeError) as failure:
            app.connect(token=b"\0" * 32)
        assert failure.value.code == "unauthorized"
        logs = Path(ray_cluster.address_info["session_dir"], "logs")
        (log,) = logs.glob(f"worker-*-{pid}.err")
        assert eventually(lambda: "refused a connection from" in log.read_text())
        assert "wrong token" in log.read_text()


def test_the_number_of_blocks_is_met_by_splitting_and_by_joining_partitions(spark: SparkSession) -> None:
    df = wide(spark, 16, partitions=4)
    for count in (1, 3, 9):
        dataset = raydp.from_spark(df, num_blocks=count)
        assert dataset.num_blocks() == count
        rows = [entry.metadata.num_rows for bundle in dataset.iter_internal_ref_bundles() for entry in bundle.blocks]
        assert max(rows) < 2 * min(rows) + 2  # rows of a repartitioned frame are dealt out in turn
        assert sorted(table_of(dataset).column("id").to_pylist()) == list(range(16 * MEBIBYTE // 32))
