"""Computes the features, the AUC and the delays of flights.py with pandas and scikit-learn, for comparison."""

from __future__ import annotations

from math import isclose
from typing import TYPE_CHECKING

import pandas as pd
from sklearn.metrics import roc_auc_score

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pyspark.sql import DataFrame

HOUR = pd.Timedelta(hours=1)
KEYS = ["origin", "time_hour"]


class DifferentResultError(Exception):
    """Spark and pandas computed different values for the same quantity."""


def expect(what: str, spark: float, pandas: float) -> None:
    # Both sum hundreds of thousands of floating-point numbers, in different orders.
    if not isclose(spark, pandas, rel_tol=1e-9, abs_tol=1e-9):
        raise DifferentResultError(f"Spark and pandas disagree about {what}. Spark: {spark!r}, pandas: {pandas!r}")


def features_in_pandas(folder: Path) -> pd.DataFrame:
    """Build the rows that FEATURES_SQL describes."""
    flights = pd.read_csv(folder / "flights.csv.zip", parse_dates=["time_hour"])
    weather = pd.read_csv(folder / "weather.csv", parse_dates=["time_hour"])
    planes = pd.read_csv(folder / "planes.csv").rename(columns={"year": "built"})
    airlines = pd.read_csv(folder / "airlines.csv").set_index("carrier")["name"].sort_index()

    so_far = flights["dep_delay"].fillna(60).clip(upper=60 - flights["minute"])
    backlog = flights.assign(backlog=so_far).groupby(KEYS, as_index=False)["backlog"].mean()
    for observed in (weather, backlog):
        observed["time_hour"] += HOUR
    weather = weather[[*KEYS, "temp", "humid", "wind_speed", "precip", "pressure", "visib"]]
    rows = (
        flights[flights["arr_delay"].notna()]
        .merge(planes[["tailnum", "built", "seats"]], on="tailnum", how="left")
        .merge(weather, on=KEYS, how="left")
        .merge(backlog, on=KEYS, how="left")
    )
    return rows.assign(
        late=(rows["arr_delay"] > 15).astype(int),
        part=pd.cut(rows["month"], [0, 8, 9, 12], labels=["train", "validation", "test"]).astype(str),
        airline=rows["carrier"].map(airlines),
        mean_delay=rows["arr_delay"],
        carrier_code=rows["carrier"].map(airlines.index.get_loc),
        origin_code=rows["origin"].map(["EWR", "JFK", "LGA"].index),
        weekday=pd.to_datetime(rows[["year", "month", "day"]]).dt.weekday,
        minute_of_day=rows["sched_dep_time"] // 100 * 60 + rows["sched_dep_time"] % 100,
        plane_age=rows["year"] - rows["built"],
    )


def check(predictions: DataFrame, aucs: Mapping[str, float], airlines: pd.DataFrame, rows: pd.DataFrame) -> None:
    """Compare Spark's rows, after the round trip through Ray, with those of pandas, including `risk`."""
    check_columns(predictions, rows)
    for part, flights in rows.groupby("part"):
        expect(f"the AUC in part {part!r}", aucs[part], roc_auc_score(flights["late"], flights["risk"]))
    tested = rows[rows["part"] == "test"].groupby("airline")
    for name, value in (("flights", tested.size()), *tested[["mean_delay", "late", "risk"]].mean().items()):
        expect(f"the airlines that have {name}", len(airlines), len(value))
        for airline, spark in airlines.set_index("airline")[name].items():
            expect(f"{name} of {airline}", spark, value[airline])


def check_columns(predictions: DataFrame, rows: pd.DataFrame) -> None:
    """Compare the number of values in each numeric column, their sum, and the sum of their squares."""
    names = [name for name, kind in predictions.dtypes if kind != "string"]
    columns = [f"struct(count({n}) AS n, sum(double({n})) AS sum, sum(pow({n}, 2)) AS squares) AS {n}" for n in names]
    predictions.sparkSession.conf.set("spark.sql.debug.maxToStringFields", 100)  # a long plan makes Spark warn
    [spark] = predictions.selectExpr("count(*) AS flights", *columns).collect()
    expect("the number of flights", spark["flights"], len(rows))
    for name in names:
        values = rows[name].astype(float)
        expect(f"how many flights have {name}", spark[name]["n"], values.count())
        expect(f"the sum of {name}", spark[name]["sum"], values.sum())
        expect(f"the sum of the squares of {name}", spark[name]["squares"], (values**2).sum())
