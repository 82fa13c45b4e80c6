"""The jobs of a chaos run. Each returns something small that is the same in every undisturbed run."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import ray
from pyspark.sql import functions as F

import raydp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pyspark.sql import DataFrame, SparkSession

__all__ = ["Jobs"]

_ROWS = 200_000
_PARTITIONS = 6
_GET_SECONDS = 120.0


class Jobs:
    """The job mix over one session.

    Args:
        spark: The session.
    """

    def __init__(self, spark: SparkSession) -> None:
        self._spark = spark
        self._dataset = raydp.from_spark(self._rows())
        self._cached = self._rows().where("id % 3 = 0").cache()
        self._cached.count()
        self.by_name: dict[str, Callable[[], Any]] = {
            "shuffle": self.shuffle,
            "join": self.join,
            "cache": self.cache,
            "python": self.python,
            "to Ray": self.to_ray,
            "to Spark": self.to_spark,
            "round trip": self.round_trip,
        }

    def shuffle(self) -> object:
        """Two stages, the second of which fails when the first one's files are lost."""
        groups = self._rows().groupBy("k").agg(F.sum("v").alias("total"), F.count("*").alias("n"))
        return _digest(groups.repartition(_PARTITIONS, "k").groupBy().agg(F.sum("total"), F.sum("n"), F.max("k")))

    def join(self) -> object:
        """A shuffled join, whose sides' files may be lost at different times."""
        left = self._rows().select("id", "k").hint("shuffle_hash")
        right = self._rows().where("id % 7 = 0").select("id", "name")
        return _digest(left.join(right, "id").groupBy().agg(F.count("*"), F.sum("k"), F.sum(F.hash("name"))))

    def cache(self) -> object:
        """Cached partitions that vanish with their executors are computed again."""
        return _digest(self._cached.groupBy().agg(F.count("*"), F.sum("v"), F.sum(F.hash("name"))))

    def python(self) -> object:
        """Python workers at work, slow enough to be hit."""

        def squares(rows: Iterable[int]) -> Iterator[tuple[int, int]]:
            for row in rows:
                if row % 50 == 0:
                    time.sleep(0.01)
                yield row % 11, row * row

        numbers = self._spark.sparkContext.parallelize(range(6_000), _PARTITIONS)
        return sorted(numbers.mapPartitions(squares).reduceByKey(lambda a, b: a + b, 3).collect())

    def to_ray(self) -> object:
        """Blocks on their way while an agent or executors die: every row once, in order."""
        parts = ray.get(raydp.from_spark(self._rows()).to_numpy_refs(), timeout=_GET_SECONDS)
        ids = np.concatenate([part["id"] for part in parts])
        return ids.size, bool((ids == np.arange(_ROWS)).all()), float(sum(part["v"].sum() for part in parts))

    def to_spark(self) -> object:
        """Blocks that outlive whoever made them, read by whatever executors there are."""
        frame = raydp.to_spark(self._dataset)
        return _digest(frame.groupBy().agg(F.count("*"), F.sum("id"), F.sum("v"), F.sum(F.hash("name"))))

    def round_trip(self) -> object:
        """There, through a task of Ray Data, and back."""
        doubled = raydp.from_spark(self._rows().select("id", "k")).map_batches(_doubled, batch_format="pyarrow")
        return _digest(raydp.to_spark(doubled).groupBy().agg(F.count("*"), F.sum("id"), F.sum("twice")))

    def _rows(self) -> DataFrame:
        return self._spark.range(0, _ROWS, 1, _PARTITIONS).selectExpr(
            "id", "id % 1000 as k", "cast(id * 31 % 977 as double) as v", "cast(id as string) as name"
        )


def _doubled(batch: Any) -> Any:
    return batch.append_column("twice", [[2 * value for value in batch.column("k").to_pylist()]])


def _digest(frame: DataFrame) -> list[Any]:
    return [tuple(row) for row in frame.collect()]
