"""Frames for the estimators' tests; Ray and Spark are those of all tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

ROWS = 240


@pytest.fixture(scope="session")
def rows() -> pd.DataFrame:
    """Rows of mixed types: numbers to predict from, a number and class labels to predict, weights."""
    random = np.random.default_rng(7)
    frame = pd.DataFrame(
        {
            "id": np.arange(ROWS, dtype=np.int64),
            "x": random.normal(size=ROWS),
            "n": random.integers(-5, 5, ROWS).astype(np.int32),
            "flag": random.random(ROWS) < 0.3,
            "w": random.random(ROWS) + 0.5,
        }
    )
    frame["y"] = 3 * frame["x"] - frame["n"] + 2 * frame["flag"] + random.normal(scale=0.1, size=ROWS)
    frame["late"] = (frame["y"] > 0).astype(np.int32)
    frame["kind"] = np.select([frame["y"] < -2, frame["y"] > 2], ["low", "high"], "middle")
    return frame


@pytest.fixture(scope="session")
def frame(spark: SparkSession, rows: pd.DataFrame) -> DataFrame:
    """The same rows in Spark, in three partitions, in order."""
    return spark.createDataFrame(rows).coalesce(3).sortWithinPartitions("id").cache()


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress bars cut off what a terminal has no room for."""
    monkeypatch.setenv("COLUMNS", "500")
    monkeypatch.setenv("LINES", "50")
