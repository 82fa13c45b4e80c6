"""raydp's standalone deployment: a Spark standalone cluster inside Ray, with raydp attached to its application."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import ray
import trips

import raydp
from raydp.xgboost import XGBoostEstimator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ways.job import Job, Run


@contextmanager
def opened(job: Job) -> Iterator[Run]:
    ray.init("local", num_cpus=3, **job.ray_options)
    spark = raydp.init_spark("integration", 1, 1, "1g", configs=trips.spark_settings(), deployment="standalone")

    def run(hand_over: Path) -> dict[int, trips.ZoneError]:
        rows = trips.prepare_with_spark(spark, job.data).cache()
        estimator = XGBoostEstimator(
            trips.PARAMS, trips.LABEL, feature_columns=trips.FEATURES, num_boost_round=job.trees
        )
        estimator.fit(rows)
        errors = trips.error_per_zone(estimator.predict(rows))
        rows.unpersist()
        return errors

    yield run
    raydp.stop_spark()
    ray.shutdown()
