"""Training inside Spark: XGBoost's own Spark estimator, without Ray."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import trips
from pyspark.sql import SparkSession
from xgboost.spark import SparkXGBRegressor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ways.job import Job, Run


@contextmanager
def opened(job: Job) -> Iterator[Run]:
    builder = SparkSession.builder.master("local-cluster[1,1,1536]").config("spark.executor.memory", "1g")
    spark = builder.config(map=trips.spark_settings()).getOrCreate()

    def run(hand_over: Path) -> dict[int, trips.ZoneError]:
        rows = trips.prepare_with_spark(spark, job.data)
        params = {"max_depth": trips.PARAMS["max_depth"], "learning_rate": trips.PARAMS["eta"]}
        estimator = SparkXGBRegressor(
            features_col=trips.FEATURES, label_col=trips.LABEL, n_estimators=job.trees, num_workers=1, **params
        )
        return trips.error_per_zone(estimator.fit(rows).transform(rows))

    yield run
    spark.stop()
