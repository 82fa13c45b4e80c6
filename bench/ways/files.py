"""Two clusters with Parquet files between them: Spark prepares and evaluates, Ray trains and predicts."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import ray
import ray.data
import trips
from pyspark.sql import SparkSession

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ways.job import Job, Run


@contextmanager
def opened(job: Job) -> Iterator[Run]:
    builder = SparkSession.builder.master("local-cluster[1,1,1536]").config("spark.executor.memory", "1g")
    spark = builder.config(map=trips.spark_settings()).getOrCreate()
    ray.init("local", num_cpus=2, **job.ray_options)

    def run(hand_over: Path) -> dict[int, trips.ZoneError]:
        rows, predictions = str(hand_over / "rows"), str(hand_over / "predictions")
        trips.prepare_with_spark(spark, job.data).write.parquet(rows)
        prepared = ray.data.read_parquet(rows, file_extensions=["parquet"])
        model = trips.train_with_ray(prepared, job.trees, job.storage)
        predicted = prepared.map_batches(
            trips.Predict, fn_constructor_args=[model], batch_format="pandas", concurrency=1
        )
        predicted.write_parquet(predictions)
        return trips.error_per_zone(spark.read.parquet(predictions))

    yield run
    ray.shutdown()
    spark.stop()
