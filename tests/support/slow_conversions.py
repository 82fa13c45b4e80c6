"""Conversions that take so long that something can be lost in their middle."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import raydp
from support.datasets import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import ray
    from pyspark.sql import DataFrame, SparkSession

__all__ = ["convert_while", "slow_rows"]


def slow_rows(spark: SparkSession, rows: int, partitions: int) -> DataFrame:
    """Return a DataFrame with the column ``id``, whose tasks take half a second for each row.

    The session needs ``spark.sql.execution.arrow.maxRecordsPerBatch=1``.
    """

    # In this function, so that Spark's workers are sent it: they cannot import this module.
    def slowly(batches: Iterator[Any]) -> Iterator[Any]:
        for batch in batches:
            time.sleep(0.5)
            yield batch

    return spark.range(0, rows, 1, partitions).mapInPandas(slowly, "id long")


def convert_while(df: DataFrame, lose: Callable[[], object], *, after_tasks: int = 0) -> ray.data.Dataset:
    """Convert a DataFrame, and lose something in the middle, when so many tasks have ended.

    Raises:
        AssertionError: Its job does not get that far, or it does not end.
    """
    result: list[ray.data.Dataset] = []
    thread = threading.Thread(target=lambda: result.append(raydp.from_spark(df)))
    thread.start()
    tracker = df.sparkSession.sparkContext.statusTracker()

    def is_at_work() -> bool:
        stages = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
        return any(stage.numCompletedTasks >= after_tasks for stage in stages if stage)

    assert eventually(is_at_work, within=120), f"no conversion with {after_tasks} tasks that have ended within 120 s"
    lose()
    thread.join(240)
    assert result, "the conversion failed, or did not end within 240 s"
    return result[0]
