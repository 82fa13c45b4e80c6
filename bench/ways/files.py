"""Two clusters with Parquet files between them: Spark prepares and evaluates, Ray trains and predicts."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pipeline
import ray
import ray.data
from pyspark.sql import SparkSession

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ways.job import Job, Run


@contextmanager
def opened(job: Job) -> Iterator[Run]:
    builder = SparkSession.builder.master("local-cluster[1,1,1536]").config("spark.executor.memory", "1g")
    spark = builder.config(map=pipeline.spark_settings()).getOrCreate()
    ray.init("local", num_cpus=2, **job.ray_options)

    def run(hand_over: Path) -> dict[int, pipeline.ZoneError]:
        rows, predictions = str(hand_over / "rows"), str(hand_over / "predictions")
        pipeline.prepare_with_spark(spark, job.data).write.parquet(rows)
        prepared = ray.data.read_parquet(rows, file_extensions=["parquet"])
        model = pipeline.train_with_ray(prepared, job.trees, job.storage)
        predicted = prepared.map_batches(
            pipeline.Predict, fn_constructor_args=[model], batch_format="pandas", concurrency=1
        )
        predicted.write_parquet(predictions)
        return pipeline.error_per_zone(spark.read.parquet(predictions))

    yield run
    ray.shutdown()
    spark.stop()
