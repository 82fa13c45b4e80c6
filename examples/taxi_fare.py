"""What does a taxi ride in New York cost? Features in Spark, then XGBoost, PyTorch and Keras on the same rows.

Spark removes trips with impossible locations, fares and passenger counts. It then creates features from the pick-up
time and the two locations: the great-circle distance, its northward and eastward parts, and the distances to the
airports. The models train on Ray workers, from the features in Ray's object store. A tenth of the trips is the test
set.

By default, the program generates trips like those of the competition "New York City Taxi Fare Prediction" on
kaggle.com. With its train.csv (55 million trips, 5.7 GB), the same program runs on the real trips.

Run: python examples/taxi_fare.py                      200,000 generated trips
     python examples/taxi_fare.py --smoke              2,000 generated trips, in a minute
     python examples/taxi_fare.py --data train.csv --workers 4
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import keras
import torch
from local_session import local_session
from plots import add_plot_option, panels
from pyspark.sql import functions as F

from raydp.tf import TFEstimator
from raydp.torch import TorchEstimator
from raydp.utils import random_split
from raydp.xgboost import XGBoostEstimator

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from pyspark.sql import Column, DataFrame, SparkSession

COLUMNS = """fare_amount DOUBLE, pickup_datetime TIMESTAMP, pickup_longitude DOUBLE, pickup_latitude DOUBLE,
    dropoff_longitude DOUBLE, dropoff_latitude DOUBLE, passenger_count INT"""
AIRPORTS = {"jfk": (-73.778, 40.641), "lga": (-73.874, 40.777), "ewr": (-74.175, 40.690)}
EARTH_RADIUS_KM = 6371.0
DRAWN = 5000  # trips in the figure
FEATURES = ["hour", "weekday", "year", "passenger_count", "distance_km", "across_km", "along_km"]
FEATURES += [f"{name}_km" for name in AIRPORTS]


def generated_trips(spark: SparkSession, rows: int) -> DataFrame:
    """Generate trips with fares by the tariff: base fare, kilometres, night surcharge, flat fare to JFK, plus noise."""
    trips = spark.range(rows).select(
        F.timestamp_seconds(F.lit(1325376000) + (F.rand(1) * 3 * 365 * 86400).cast("long")).alias("pickup_datetime"),
        (F.randn(2) * 0.03 - 73.98).alias("pickup_longitude"),
        (F.randn(3) * 0.03 + 40.75).alias("pickup_latitude"),
        (F.rand(4) < 0.05).alias("to_jfk"),
        (F.randn(5) * 0.03 - 73.98).alias("longitude"),
        (F.randn(6) * 0.03 + 40.75).alias("latitude"),
        (F.rand(7) * 6 + 1).cast("int").alias("passenger_count"),
        F.randn(8).alias("noise"),
    )
    jfk_longitude, jfk_latitude = AIRPORTS["jfk"]
    trips = trips.withColumn("dropoff_longitude", F.when(F.col("to_jfk"), jfk_longitude).otherwise(F.col("longitude")))
    trips = trips.withColumn("dropoff_latitude", F.when(F.col("to_jfk"), jfk_latitude).otherwise(F.col("latitude")))
    night = F.when(F.hour("pickup_datetime").between(6, 19), 0.0).otherwise(0.5)
    metered = 2.5 + 1.7 * distance_km("pickup", "dropoff") + night + F.col("noise")
    return trips.withColumn("fare_amount", F.greatest(F.lit(2.5), F.when(F.col("to_jfk"), 52.0).otherwise(metered)))


def distance_km(start: str, end: str) -> Column:
    """Return the great-circle distance in kilometres between two locations, each in two columns."""
    return sphere_km(*place(start), *place(end))


def place(name: str) -> tuple[Column, Column]:
    return F.col(f"{name}_longitude"), F.col(f"{name}_latitude")


def sphere_km(longitude: Column, latitude: Column, other_longitude: Column, other_latitude: Column) -> Column:
    across = F.sin(F.radians(other_longitude - longitude) / 2) ** 2
    along = F.sin(F.radians(other_latitude - latitude) / 2) ** 2
    cosines = F.cos(F.radians(latitude)) * F.cos(F.radians(other_latitude))
    return 2 * EARTH_RADIUS_KM * F.asin(F.sqrt(along + cosines * across))


def features(trips: DataFrame) -> DataFrame:
    in_new_york = [
        F.col(f"{end}_longitude").between(-74.5, -72.8) & F.col(f"{end}_latitude").between(40.5, 41.8)
        for end in ("pickup", "dropoff")
    ]
    clean = trips.where(in_new_york[0] & in_new_york[1])
    clean = clean.where(F.col("fare_amount").between(2.5, 250) & F.col("passenger_count").between(1, 6))
    longitude, latitude = place("pickup")
    to_longitude, to_latitude = place("dropoff")
    nearest = {
        f"{name}_km": F.least(*(sphere_km(*place(end), F.lit(x), F.lit(y)) for end in ("pickup", "dropoff")))
        for name, (x, y) in AIRPORTS.items()
    }
    return clean.select(
        F.hour("pickup_datetime").alias("hour"),
        F.dayofweek("pickup_datetime").alias("weekday"),
        F.year("pickup_datetime").alias("year"),
        "passenger_count",
        distance_km("pickup", "dropoff").alias("distance_km"),
        sphere_km(longitude, latitude, to_longitude, latitude).alias("across_km"),
        sphere_km(longitude, latitude, longitude, to_latitude).alias("along_km"),
        *(column.alias(name) for name, column in nearest.items()),
        F.col("fare_amount").cast("float").alias("fare"),
    )


def network() -> torch.nn.Module:
    return torch.nn.Sequential(
        torch.nn.BatchNorm1d(len(FEATURES)),  # the features have very different scales
        torch.nn.Linear(len(FEATURES), 64),
        torch.nn.ReLU(),
        torch.nn.Linear(64, 32),
        torch.nn.ReLU(),
        torch.nn.Linear(32, 1),
    )


def keras_network() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((len(FEATURES),)),
            keras.layers.BatchNormalization(momentum=0.9),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dense(1),
        ]
    )


def estimators(options: argparse.Namespace) -> dict[str, XGBoostEstimator | TorchEstimator | TFEstimator]:
    params = {"objective": "reg:squarederror", "max_depth": 6, "eta": 0.1}
    return {
        "XGBoost": XGBoostEstimator(
            params, "fare", options.workers, feature_columns=FEATURES, num_boost_round=options.rounds, seed=1
        ),
        "PyTorch": TorchEstimator(
            num_workers=options.workers,
            model=network,
            optimizer=lambda model: torch.optim.Adam(model.parameters(), lr=0.01),
            loss=torch.nn.SmoothL1Loss(),
            feature_columns=FEATURES,
            label_column="fare",
            batch_size=options.batch_size,
            num_epochs=options.epochs,
            seed=1,
        ),
        "Keras": TFEstimator(
            num_workers=options.workers,
            model=keras_network,
            optimizer=keras.optimizers.Adam(0.01),
            loss="huber",
            feature_columns=FEATURES,
            label_columns="fare",
            batch_size=options.batch_size,
            num_epochs=options.epochs,
            seed=1,
        ),
    }


def run(spark: SparkSession, options: argparse.Namespace) -> dict[str, float]:
    """Return the root mean squared error of each model, and of always predicting the mean fare, in dollars."""
    if options.data is None:
        trips = generated_trips(spark, options.rows)
    elif options.data.endswith(".csv"):
        trips = spark.read.csv(options.data, header=True).selectExpr(
            *(f"CAST({name} AS {kind}) AS {name}" for name, kind in (column.split() for column in COLUMNS.split(",")))
        )
    else:
        trips = spark.read.parquet(options.data)
    train, test = random_split(features(trips).cache(), [0.9, 0.1], 1)
    errors = {"the mean": test.selectExpr("stddev_pop(fare)").first()[0]}
    some = test.limit(DRAWN).toPandas()
    for name, estimator in estimators(options).items():
        result = estimator.fit(train)
        errors[name] = estimator.evaluate(test)["rmse"]
        some[name] = estimator.predict(some[[*FEATURES]])["prediction"]
        print(f"{name}: {result.rows:,} trips,", ", ".join(f"{part} {s:.1f} s" for part, s in result.seconds.items()))
    plot(options.plot, some, errors)
    return errors


def plot(path: Path, trips: pd.DataFrame, errors: dict[str, float]) -> None:
    """Draw the predicted fare against the fare paid, for each model; bright areas contain many trips."""
    models = [name for name in errors if name in trips]
    with panels(path, f"Predicted and paid fares of {len(trips):,} taxi rides in the test set", [3.6] * 3, 4.4) as axes:
        for panel, name in zip(axes, models, strict=True):
            panel.hexbin(trips["fare"], trips[name], gridsize=45, bins="log", cmap="viridis", mincnt=1)
            panel.axline((0, 0), slope=1, color="grey", linewidth=0.8)
            panel.set(xlabel="fare paid ($)", xlim=(0, 60), ylim=(0, 60), aspect="equal")
            panel.set_title(f"{name}: RMSE ${errors[name]:.2f}")
        axes[0].set(ylabel="predicted fare ($)")


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Predict taxi fares with XGBoost, PyTorch and Keras on features from Spark."
    )
    parser.add_argument("--smoke", action="store_true", help="quick test: few trips, trees and epochs")
    parser.add_argument("--data", help="CSV or Parquet file with trips (default: generate trips)")
    parser.add_argument("--rows", type=int, default=200_000, help="number of trips to generate (default: 200,000)")
    parser.add_argument("--rounds", type=int, default=200, help="number of XGBoost trees (default: 200)")
    parser.add_argument("--epochs", type=int, default=10, help="epochs of PyTorch and Keras (default: 10)")
    parser.add_argument("--batch-size", type=int, default=256, help="batch size of PyTorch and Keras (default: 256)")
    parser.add_argument("--workers", type=int, default=1, help="training workers (default: 1)")
    add_plot_option(parser, __file__)
    options = parser.parse_args(given)
    if options.smoke:
        options.rows, options.rounds, options.epochs, options.batch_size = 2000, 50, 15, 64
    return options


def main() -> None:
    options = arguments()
    with local_session("taxi fares", free_cores=options.workers + 1) as spark:
        for name, error in run(spark, options).items():
            print(f"root mean squared error of {name}: {error:.2f} dollars")
    print("example ok")


if __name__ == "__main__":
    main()
