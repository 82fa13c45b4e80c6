"""Spark Connect: a program without a Spark of its own trains on the DataFrames of a server.

The program knows the server's address only. Spark prepares rows there, Ray trains XGBoost on them, and the server reads
the predictions, all through the shared memory of the machines that have Spark's executors and Ray nodes. The server
needs nothing of raydp. Without an address, PySpark starts a server in this process.

Run: python examples/connect.py                             a million rows, on a server in this process
     python examples/connect.py --remote sc://host:15002    on your server, or on raydp's: the address is what
                                                            raydp.connect_url() returns. RAY_ADDRESS names a cluster
     python examples/connect.py --smoke                     20,000 rows, in a minute
"""

from __future__ import annotations

import argparse
import logging
from typing import TYPE_CHECKING

import ray
import ray.data
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

import raydp
from raydp.xgboost import XGBoostEstimator

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def trips(spark: SparkSession, rows: int) -> DataFrame:
    """Taxi trips whose fare is known: a base fare, a price per kilometre, and a surcharge at night."""
    table = spark.range(rows).selectExpr("id % 24 AS hour", "id % 997 / 40 AS km")
    return table.selectExpr("*", "3 + 2.5 * km + IF(hour < 6, 5, 0) AS fare")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--remote", default="local[2]", help="address of the Spark Connect server (default: %(default)s)"
    )
    parser.add_argument("--smoke", action="store_true", help="20,000 rows")
    arguments = parser.parse_args()

    logging.getLogger("ray.data").setLevel(logging.ERROR)
    ray.data.DataContext.get_current().enable_progress_bars = False
    ray.init(include_dashboard=False)  # first: gRPC, of Spark's client, can disturb processes that start later
    spark = SparkSession.builder.remote(arguments.remote).getOrCreate()

    train, test = trips(spark, 20_000 if arguments.smoke else 1_000_000).randomSplit([0.8, 0.2], seed=7)
    model = XGBoostEstimator({"objective": "reg:squarederror"}, "fare", feature_columns=["hour", "km"])
    model.fit(train)

    scored = model.predict(test)
    error = scored.agg(F.sqrt(F.avg(F.pow(scored.fare - scored.prediction, 2)))).first()[0]
    print(f"Root mean squared error of the fares: {error:.2f}")

    raydp.register(raydp.from_spark(scored), "scored")
    spark.sql("SELECT hour, avg(fare), avg(prediction) FROM ray.scored GROUP BY hour ORDER BY hour LIMIT 8").show()
    spark.stop()
    ray.shutdown()
    print("example ok")


if __name__ == "__main__":
    main()
