"""Ray inside a Spark application (Ray on Spark), with raydp attached to both."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pyspark.sql import SparkSession

# Ray reads these variables when it is imported.
os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))

import ray
import trips
from ray.util.spark import setup_ray_cluster, shutdown_ray_cluster

import raydp
from raydp.xgboost import XGBoostEstimator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ways.job import Job, Run


@contextmanager
def opened(job: Job) -> Iterator[Run]:
    builder = SparkSession.builder.master("local-cluster[1,3,1536]").config("spark.executor.memory", "1g")
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN"):
        builder = builder.config(f"spark.executorEnv.{name}", os.environ[name])
    spark = builder.config(map=trips.spark_settings()).getOrCreate()
    setup_ray_cluster(max_worker_nodes=1, num_cpus_worker_node=2, num_gpus_worker_node=0, **job.ray_on_spark_options)
    ray.init(log_to_driver=False)
    raydp.attach(spark)

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
    ray.shutdown()
    shutdown_ray_cluster()
    spark.stop()
