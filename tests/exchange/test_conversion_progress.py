"""The progress bars of conversions know blocks and bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
import ray.data

import raydp
from raydp._exchange.driver import block_descriptions, export_job
from raydp._machine.progress import Progress

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_Update = tuple[int, int | None]


class RecordedProgress(Progress):
    """Keeps what bars are told."""

    updates: dict[str, list[_Update]]

    def __init__(self, description: str, **options: Any) -> None:
        super().__init__(description, **{**options, "enabled": False})
        self._own = self.updates.setdefault(description, [])

    def set(self, done: int, *, total: int | None = None, bytes_done: int | None = None, detail: str = "") -> None:
        del total, detail
        self._own.append((done, bytes_done))


@pytest.fixture
def updates(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[_Update]]:
    RecordedProgress.updates = {}
    monkeypatch.setattr(export_job, "Progress", RecordedProgress)
    monkeypatch.setattr(block_descriptions, "Progress", RecordedProgress)
    return RecordedProgress.updates


def test_from_spark_counts_the_stored_blocks_and_their_bytes(
    spark: SparkSession, updates: dict[str, list[_Update]]
) -> None:
    dataset = raydp.from_spark(spark.range(0, 8_000_000, 1, 8))
    assert dataset.num_blocks() == 8
    (recorded,) = updates.values()
    assert [blocks for blocks, _ in recorded] == list(range(1, len(recorded) + 1))
    # The last blocks may be stored when Spark's job has ended.
    blocks, stored = recorded[-1]
    assert stored is not None
    assert stored == pytest.approx(8_000_000 * blocks, rel=0.1)


def test_reading_schemas_counts_the_blocks_and_their_bytes(
    spark: SparkSession, updates: dict[str, list[_Update]]
) -> None:
    frames = [pd.DataFrame({"n": range(1000)}) for _ in range(70)]
    df = raydp.to_spark(ray.data.from_pandas(frames), spark)
    (recorded,) = updates.values()
    assert recorded[-1][0] == 70
    assert recorded[-1][1] == pytest.approx(70 * 8000, rel=0.2)
    assert len(recorded) > 1
    assert df.count() == 70_000
