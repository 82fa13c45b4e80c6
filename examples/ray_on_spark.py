"""Ray inside a Spark application: a plain PySpark program that only adds `raydp.attach`.

The Spark application has its executors already, from a standalone cluster or from YARN. Ray's own `setup_ray_cluster`
starts Ray nodes on the hosts of the executors. After `raydp.attach(spark)`, Ray code stands between Spark code, and
rows pass between them through shared memory: no files, and no second cluster.

Here, Spark makes taxi trips, a Ray function adds their duration, XGBoost learns the fare on Ray, and Spark looks at the
errors of the predictions.

Run: python examples/ray_on_spark.py                               a Spark cluster on this machine
     python examples/ray_on_spark.py --master spark://HOST:7077    another one
     python examples/ray_on_spark.py --smoke                       few rows
"""

from __future__ import annotations

import argparse
import logging
import os
import secrets
from typing import TYPE_CHECKING, Any, NamedTuple

from pyspark.sql import SparkSession

# Only who knows this token can use Ray's nodes. Ray reads both variables when it is imported.
os.environ.setdefault("RAY_AUTH_MODE", "token")
os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))

import ray
import ray.data
from ray.util.spark import setup_ray_cluster, shutdown_ray_cluster

import raydp
from raydp.xgboost import XGBoostEstimator

if TYPE_CHECKING:
    import numpy as np
    from pyspark.sql import DataFrame

MIB = 1024**2


class Speed(NamedTuple):
    """How fast taxis are in one hour of the day, in kilometres per hour."""

    hour: int
    speed: float


def spark_session(master: str) -> SparkSession:
    """Start Spark. Its executors pass Ray's token to the Ray nodes that they start."""
    builder = SparkSession.builder.appName("ray on spark").master(master).config("spark.ui.enabled", "false")
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN"):
        builder = builder.config(f"spark.executorEnv.{name}", os.environ[name])
    return builder.getOrCreate()


def start_ray(nodes: int) -> None:
    """Start Ray nodes of one CPU in the executors. Each one occupies a task slot of Spark's."""
    setup_ray_cluster(
        max_worker_nodes=nodes,
        num_cpus_worker_node=1,
        num_gpus_worker_node=0,
        memory_worker_node=1024 * MIB,
        object_store_memory_worker_node=256 * MIB,
        object_store_memory_head_node=128 * MIB,
        memory_head_node=512 * MIB,
    )
    ray.init(logging_level="WARNING", log_to_driver=False)  # setup_ray_cluster has set RAY_ADDRESS


def add_duration(batch: dict[str, np.ndarray[Any, Any]]) -> dict[str, np.ndarray[Any, Any]]:
    return {**batch, "minutes": 60 * batch["km"] / batch["speed"]}


def evaluate(spark: SparkSession, rows: int) -> DataFrame:
    """Return the mean error of predicted fares by hour."""
    trips = spark.range(rows).selectExpr("id % 24 AS hour", "id % 997 / 40 AS km")
    hours = spark.sparkContext.range(24).map(lambda hour: Speed(hour, 20.0 + 15.0 * (hour < 6)))
    speeds = raydp.to_spark(raydp.from_spark(hours))  # an RDD becomes a Dataset, too
    trips = trips.join(speeds, "hour")

    timed = ray.data.from_spark(trips).map_batches(add_duration, batch_format="numpy")
    fares = raydp.to_spark(timed).selectExpr("*", "3 + 1.5 * km + 0.5 * minutes AS fare")
    train, test = fares.randomSplit([0.8, 0.2], seed=7)

    features = ["hour", "km", "minutes"]
    model = XGBoostEstimator({"objective": "reg:squarederror"}, "fare", feature_columns=features, progress=False)
    model.fit(train)
    scored = model.predict(test).selectExpr("hour", "fare", "abs(prediction - fare) AS error")
    return scored.groupBy("hour").agg({"*": "count", "fare": "avg", "error": "avg"})


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run Ray inside a Spark application, and train on its DataFrames.")
    parser.add_argument("--master", default="local-cluster[2,2,1024]", help="Spark's master (default: %(default)s)")
    parser.add_argument("--nodes", type=int, default=2, help="Ray nodes in the executors (default: %(default)s)")
    parser.add_argument("--smoke", action="store_true", help="quick test: few rows")
    return parser.parse_args(given)


def main() -> None:
    options = arguments()
    logging.getLogger("ray.util.spark").setLevel(logging.ERROR)
    ray.data.DataContext.get_current().enable_progress_bars = False
    spark = spark_session(options.master)
    start_ray(options.nodes)
    try:
        print(raydp.attach(spark))
        errors = evaluate(spark, 5_000 if options.smoke else 1_000_000).orderBy("hour")
        errors.show(6)
        worst = errors.agg({"avg(error)": "max"}).first()
    finally:
        shutdown_ray_cluster()
        spark.stop()
    print(f"largest mean error of an hour: {worst[0]:.2f}")
    print("example ok")


if __name__ == "__main__":
    main()
