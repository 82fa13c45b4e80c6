"""The pipeline of integration.py: what every way has in common, however it puts Spark and Ray together.

Taxi-like trips become features (a join, an aggregate, derived columns), XGBoost learns the fare, and the model's error
comes back per zone. Preparation exists for Spark and for Ray Data, and gives the same rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import ray.data
import ray.train
import xgboost
from ray.data.aggregate import Count, Mean
from ray.train.xgboost import XGBoostTrainer

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import DataFrame, SparkSession

ZONES, FILES = 200, 8
FEATURES = ["distance", "log_distance", "hour_sin", "hour_cos", "passengers", "surcharge", "zone_minutes"]
LABEL = "fare"
PARAMS = {"objective": "reg:squarederror", "max_depth": 6, "eta": 0.3, "nthread": 1}


def write_input(folder: Path, rows: int) -> None:
    """Write the trips in several Parquet files, and a small table of zones."""
    random = np.random.default_rng(7)
    (folder / "trips").mkdir(parents=True)
    for number, ids in enumerate(np.array_split(np.arange(rows), FILES)):
        count = len(ids)
        zone, hour = random.integers(0, ZONES, count), random.integers(0, 24, count)
        distance = random.gamma(2.0, 2.0, count) - 0.1  # a few are not valid
        minutes = 3 + distance * (3 + np.sin(hour / 24 * 2 * math.pi)) + random.normal(0, 1, count)
        fare = 3 + 2 * distance + 0.3 * minutes + zone % 7 + random.normal(0, 0.5, count)
        columns = {
            "id": ids,
            "zone": zone.astype("int32"),
            "hour": hour.astype("int32"),
            "distance": distance,
            "minutes": minutes,
            "passengers": random.integers(1, 6, count).astype("int32"),
            "fare": fare,
        }
        pq.write_table(pa.table(columns), folder / "trips" / f"{number}.parquet")
    zones = pa.table({"zone": np.arange(ZONES, dtype="int32"), "surcharge": (np.arange(ZONES) % 7).astype("float64")})
    pq.write_table(zones, folder / "zones.parquet")


def prepare_with_spark(spark: SparkSession, folder: Path) -> DataFrame:
    from pyspark.sql import functions as F

    trips = spark.read.parquet(str(folder / "trips")).where("distance > 0 AND fare > 0")
    zones = spark.read.parquet(str(folder / "zones.parquet"))
    usual = trips.groupBy("zone", "hour").agg(F.avg("minutes").alias("zone_minutes"))
    turn = F.col("hour") / 24 * 2 * math.pi
    rows = trips.join(F.broadcast(zones), "zone").join(usual, ["zone", "hour"])
    rows = rows.withColumns(
        {"log_distance": F.log1p("distance"), "hour_sin": F.sin(turn), "hour_cos": F.cos(turn)},
    )
    return rows.select("id", "zone", *(F.col(name).cast("float").alias(name) for name in [*FEATURES, LABEL]))


def prepare_with_ray(folder: Path) -> ray.data.Dataset:
    trips = ray.data.read_parquet(str(folder / "trips")).filter(expr="distance > 0 and fare > 0")
    zones = pd.read_parquet(folder / "zones.parquet")
    usual = (
        trips.groupby(["zone", "hour"]).mean("minutes").to_pandas().rename(columns={"mean(minutes)": "zone_minutes"})
    )

    def derive(batch: pd.DataFrame) -> pd.DataFrame:
        rows = batch.merge(zones, on="zone").merge(usual, on=["zone", "hour"])
        turn = rows["hour"] / 24 * 2 * math.pi
        rows = rows.assign(log_distance=np.log1p(rows["distance"]), hour_sin=np.sin(turn), hour_cos=np.cos(turn))
        return rows[["id", "zone", *FEATURES, LABEL]].astype(dict.fromkeys([*FEATURES, LABEL], "float32"))

    return trips.map_batches(derive, batch_format="pandas")


def train_with_ray(rows: ray.data.Dataset, trees: int, folder: Path) -> bytes:
    """Train in one worker of Ray Train, and return the model."""

    def train_in_worker() -> bytes:
        table = ray.train.get_dataset_shard("train").materialize().to_pandas()
        model = xgboost.train(PARAMS, xgboost.DMatrix(table[FEATURES], table[LABEL]), trees)
        return bytes(model.save_raw("ubj"))

    config = ray.train.RunConfig(storage_path=str(folder))
    return bytes(XGBoostTrainer(train_in_worker, datasets={"train": rows}, run_config=config).fit().return_value)


class Predict:
    """Adds the column ``prediction`` to batches (pandas)."""

    def __init__(self, model: bytes) -> None:
        self._model = xgboost.Booster()
        self._model.load_model(bytearray(model))
        self._model.set_param({"nthread": 1})

    def __call__(self, batch: pd.DataFrame) -> pd.DataFrame:
        return batch.assign(prediction=self._model.predict(xgboost.DMatrix(batch[FEATURES])))


@dataclass(frozen=True)
class ZoneError:
    """How good the predictions for one zone are: their number, and their mean squared error."""

    rows: int
    mse: float


def error_per_zone(predicted: DataFrame) -> dict[int, ZoneError]:
    """Return the error in each zone, computed by Spark."""
    from pyspark.sql import functions as F

    squares = predicted.selectExpr("zone", "pow(prediction - fare, 2) AS square")
    rows = squares.groupBy("zone").agg(F.count("square"), F.avg("square")).collect()
    return {int(zone): ZoneError(int(count), float(error)) for zone, count, error in rows}


def error_per_zone_with_ray(predicted: ray.data.Dataset) -> dict[int, ZoneError]:
    def square(batch: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"zone": batch["zone"], "square": (batch["prediction"] - batch[LABEL]) ** 2})

    squares = predicted.map_batches(square, batch_format="pandas")
    rows = squares.groupby("zone").aggregate(Count(alias_name="rows"), Mean("square", alias_name="mse")).take_all()
    return {int(row["zone"]): ZoneError(int(row["rows"]), float(row["mse"])) for row in rows}


def spark_settings() -> dict[str, Any]:
    """Return the settings that every way gives its Spark: quiet, and with as few partitions as files."""
    return {
        "spark.log.level": "ERROR",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": str(FILES),
        "spark.driver.memory": "1g",
    }
