"""Hyperparameter search for XGBoost with Ray Tune, on rows from Spark.

Which flights from New York arrive more than 15 minutes late? Spark prepares the rows, and raydp stores them in Ray's
object store once. All trials read them there; each trial trains on a Ray worker. The model of the best trial then
predicts for a Spark DataFrame.

Run: python examples/tuning.py           327,346 flights, 12 trials
     python examples/tuning.py --smoke   few flights, 2 trials, in a minute
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from local_session import local_session
from pipeline import NUMBERS, flights
from plots import add_plot_option, panels
from ray import tune

import raydp.tune
from raydp.xgboost import XGBoostEstimator

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from pyspark.sql import SparkSession


def search_space(*, smoke: bool) -> dict[str, Any]:
    if smoke:
        return {"max_depth": tune.grid_search([1, 5]), "eta": 0.3, "rounds": 10}
    return {"max_depth": tune.choice([3, 5, 7, 9]), "eta": tune.loguniform(0.03, 0.5), "rounds": 200}


def estimator(max_depth: int, eta: float, rounds: int) -> XGBoostEstimator:
    params = {"objective": "binary:logistic", "max_depth": max_depth, "eta": eta}
    return XGBoostEstimator(
        params,
        "late",
        feature_columns=["month", *NUMBERS],
        num_boost_round=rounds,
        early_stopping_rounds=10,
        seed=1,
    )


def run(spark: SparkSession, options: argparse.Namespace) -> raydp.tune.TuneResult:
    rows = flights(spark, 40 if options.smoke else 1).select("month", *NUMBERS, "late").cache()
    found = raydp.tune.fit(
        estimator,
        search_space(smoke=options.smoke),
        rows.where("month % 4 <> 0"),
        rows.where("month % 4 = 0"),
        metric="auc",
        num_samples=1 if options.smoke else options.trials,
        max_concurrent_trials=options.concurrent,
    )
    columns = [name for name in found.trials.columns if name.startswith("config/")]
    print(found.trials.sort_values("auc", ascending=False)[[*columns, "auc"]].to_string(index=False))
    plot(options.plot, found.trials)
    scored = found.best_estimator.predict(rows, probability_column="p")
    chances = scored.selectExpr("prediction", "p[1] AS chance", "late")
    chances.groupBy("prediction").agg({"chance": "avg", "late": "avg", "*": "count"}).show()
    return found


def plot(path: Path, trials: pd.DataFrame) -> None:
    """Draw the AUC of each trial by its learning rate, and mark the best trial."""
    with panels(path, f"Which flights arrive late? {len(trials)} trials of XGBoost", [7.2]) as (axes,):
        for depth, some in trials.groupby("config/max_depth"):
            axes.scatter(some["config/eta"], some["auc"], s=48, label=f"depth {depth}", zorder=2)
        best = trials.loc[trials["auc"].idxmax()]
        axes.scatter(best["config/eta"], best["auc"], s=190, facecolors="none", edgecolors="black", label="best")
        axes.set(xscale="log", xlabel="learning rate", ylabel="AUC on the test set")
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Search hyperparameters of XGBoost with Ray Tune on rows from Spark.")
    parser.add_argument("--smoke", action="store_true", help="quick test: few flights and trials")
    parser.add_argument("--trials", type=int, default=12, help="number of trials (default: 12)")
    parser.add_argument("--concurrent", type=int, default=1, help="trials at the same time (default: 1)")
    add_plot_option(parser, __file__)
    return parser.parse_args(given)


def main() -> None:
    options = arguments()
    with local_session("tuning", free_cores=options.concurrent + 1) as spark:
        found = run(spark, options)
    print(f"best: {found.best_config}, AUC {found.best_metrics['auc']:.4f}")
    print("example ok")


if __name__ == "__main__":
    main()
