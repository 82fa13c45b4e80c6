"""The jobs of a chaos run. Each returns something small that is the same in every undisturbed run."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import ray
from pyspark.sql import functions as F

import raydp
from raydp.errors import ExchangeError
from support.datasets import block_refs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pyspark.sql import DataFrame, SparkSession

__all__ = ["ON_DEMAND", "READS_BLOCKS", "WAITS_FOR_RAY", "Jobs"]

_ROWS = 200_000
_PARTITIONS = 6
_GET_SECONDS = 120.0
_TRAINING_ROWS = 7_000
_ROUNDS = 25
# Each kill of a training worker is one; far more than a run makes in one fit.
_MOST_RETRIES = 20

WAITS_FOR_RAY = frozenset({"round trip", "fit"})
"""Jobs in which Ray itself waits for its tasks. It does so for as long as its head is gone."""

READS_BLOCKS = WAITS_FOR_RAY | {"to Ray"}
"""Jobs in which this process uses the object store. Ray ends a process that does so after the end of its raylet."""

ON_DEMAND = frozenset({"fit"})
"""Jobs that take so long that they run only when a fault needs their processes."""


class Jobs:
    """The job mix over one session.

    Args:
        spark: The session.
        fits: Whether to train as well, which costs most.
    """

    def __init__(self, spark: SparkSession, *, fits: bool) -> None:
        self._spark = spark
        self._names = itertools.count()
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
            "register": self.register,
            "round trip": self.round_trip,
        }
        if fits:
            self.by_name["fit"] = self.fit

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
        table = pa.concat_tables(ray.get(block_refs(_convert(self._rows())), timeout=_GET_SECONDS))
        ids = table.column("id").to_numpy()
        return ids.size, bool((ids == np.arange(_ROWS)).all()), float(table.column("v").to_numpy().sum())

    def to_spark(self) -> object:
        """Blocks that outlive whoever made them, read by whatever executors there are."""
        frame = raydp.to_spark(self._dataset)
        return _digest(frame.groupBy().agg(F.count("*"), F.sum("id"), F.sum("v"), F.sum(F.hash("name"))))

    def register(self) -> object:
        """The same blocks by a name in SQL."""
        name = f"rows_{next(self._names)}"
        raydp.register(self._dataset, name)
        digest = _digest(self._spark.sql(f"SELECT count(*), sum(id), sum(v), sum(hash(name)) FROM ray.{name}"))
        raydp.unregister(name)
        return digest

    def round_trip(self) -> object:
        """There, through a task of Ray Data, and back."""
        doubled = _convert(self._rows().select("id", "k")).map_batches(_doubled, batch_format="pyarrow")
        return _digest(raydp.to_spark(doubled).groupBy().agg(F.count("*"), F.sum("id"), F.sum("twice")))

    def fit(self) -> object:
        """Training, which a lost worker delays, and predictions. The trees learn seven values of the label exactly."""
        from raydp.xgboost import XGBoostEstimator  # most runs do not need it, and it takes a second

        rows = self._spark.range(0, _TRAINING_ROWS, 1, 2).selectExpr("id % 7 as x", "id % 7 * 2.0 as y")
        estimator = XGBoostEstimator(
            {"max_depth": 3, "eta": 0.5}, "y", feature_columns=["x"], num_boost_round=_ROUNDS, checkpoint_every=5
        )
        result = estimator.fit(rows, max_retries=_MOST_RETRIES)
        wrong = estimator.predict(rows).where("abs(prediction - y) > 0.1").count()
        return len(result.history), wrong

    def _rows(self) -> DataFrame:
        return self._spark.range(0, _ROWS, 1, _PARTITIONS).selectExpr(
            "id", "id % 1000 as k", "cast(id * 31 % 977 as double) as v", "cast(id as string) as name"
        )


def _convert(frame: DataFrame) -> Any:
    """Convert, and once more if agents died in all attempts, as the error says. Kills follow each other fast here."""
    try:
        return raydp.from_spark(frame)
    except ExchangeError as error:
        if "agent of a node died during the conversion" not in str(error):
            raise
        return raydp.from_spark(frame)


def _doubled(batch: Any) -> Any:
    time.sleep(0.1)  # long enough to be hit
    return batch.append_column("twice", [[2 * value for value in batch.column("k").to_pylist()]])


def _digest(frame: DataFrame) -> list[Any]:
    return [tuple(row) for row in frame.collect()]
