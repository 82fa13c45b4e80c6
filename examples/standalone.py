"""A Spark standalone cluster in Ray: plain Spark applications run on it, and exchange data with Ray.

Ray runs Spark's own master and workers. Two applications use them at once. One is a plain PySpark program that
spark-submit starts and that knows nothing of Ray. The other is this program: it attaches to Ray, so that Spark prepares
rows of taxi trips, and Ray trains a model on them.

Run: python examples/standalone.py           2 million trips
     python examples/standalone.py --smoke   few trips, in a minute
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pyspark
import ray
from pyspark.sql import SparkSession

import raydp
from raydp.xgboost import XGBoostEstimator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import DataFrame

PLAIN_PROGRAM = """
from pyspark.sql import SparkSession

spark = SparkSession.builder.appName("plain").getOrCreate()
print("rows that the plain program counted:", spark.range(1_000_000).where("id % 7 = 0").count())
spark.stop()
"""
SUBMIT = Path(pyspark.__file__).parent / "bin" / "spark-submit"
SHARE = {"spark.cores.max": "1", "spark.executor.memory": "600m", "spark.sql.shuffle.partitions": "2"}


@contextmanager
def plain_session(properties_file: Path) -> Iterator[SparkSession]:
    """Make a session as any PySpark program does. The file has the secrets of the cluster; command lines do not."""
    os.environ["PYSPARK_SUBMIT_ARGS"] = f"--properties-file {properties_file} pyspark-shell"
    spark = SparkSession.builder.appName("fares").config(map=SHARE).getOrCreate()
    try:
        yield spark
    finally:
        spark.stop()


def submit_plain_program(properties_file: Path) -> str:
    """Run the other application with spark-submit, and return what it printed."""
    with tempfile.NamedTemporaryFile("w", suffix=".py") as program:
        program.write(PLAIN_PROGRAM)
        program.flush()
        share = ["--total-executor-cores", "1", "--executor-memory", "600m"]
        command = [str(SUBMIT), "--properties-file", str(properties_file), *share, program.name]
        environment = {**os.environ, "PYSPARK_PYTHON": sys.executable}
        return subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout


def trips(spark: SparkSession, count: int) -> DataFrame:
    rows = spark.range(count).selectExpr("id % 24 AS hour", "id % 997 / 40 AS km")
    return rows.selectExpr("*", "3 + 2.5 * km + IF(hour < 6, 5, 0) AS fare")


def run(options: argparse.Namespace) -> float:
    """Return the error of the model that Ray trains on Spark's rows."""
    ray.init("local", num_cpus=4, include_dashboard=False)
    with raydp.start_standalone(num_workers=2, worker_cores=1, worker_memory="1200m") as cluster:
        print(cluster)
        with plain_session(cluster.properties_file) as spark:
            print(submit_plain_program(cluster.properties_file), end="")
            raydp.attach(spark)
            train, test = trips(spark, options.trips).randomSplit([0.8, 0.2], seed=7)
            model = XGBoostEstimator({"objective": "reg:squarederror"}, "fare", feature_columns=["hour", "km"])
            model.fit(train)
            quality = model.evaluate(test)
            scored = model.predict(test)
            scored.groupBy("hour").avg("fare", "prediction").orderBy("hour").show(8)
    ray.shutdown()
    return float(quality["rmse"])


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A Spark standalone cluster in Ray.")
    parser.add_argument("--smoke", action="store_true", help="quick test: few trips")
    parser.add_argument("--trips", type=int, default=2_000_000, help="number of trips (default: 2,000,000)")
    options = parser.parse_args(given)
    if options.smoke:
        options.trips = 20_000
    return options


if __name__ == "__main__":
    print(f"error of the predicted fares: {run(arguments()):.3f}")
