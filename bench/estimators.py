"""From a DataFrame to a trained model: compares raydp with Parquet files, Spark's own trees, and pandas in one process.

Every way trains the same kind of model, on the same rows in Spark's cache, with one training thread.
README.md in this folder explains how to interpret the results.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import shutil
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import ray
import ray.data
import ray.train
import torch
import xgboost
from memory import MemoryWatch
from pyspark.ml.feature import VectorAssembler
from pyspark.ml.regression import GBTRegressor
from pyspark.sql import functions as F
from ray.train.torch import TorchTrainer
from ray.train.xgboost import XGBoostTrainer

import raydp
from raydp.torch import TorchEstimator
from raydp.xgboost import XGBoostEstimator

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from pyspark.sql import DataFrame, SparkSession

    Predict = Callable[[pd.DataFrame], Any]

MEBIBYTE = 1024**2
FEATURES = [f"x{index}" for index in range(8)]
PARAMS = {"objective": "reg:squarederror", "max_depth": 6, "eta": 0.3, "nthread": 1}
BATCH, LEARNING_RATE = 1024, 0.01


def frame(spark: SparkSession, rows: int) -> DataFrame:
    """Return eight features and a nonlinear label, with noise of standard deviation 0.1. A fifth is the test set."""
    columns = [F.rand(seed=index).cast("float").alias(name) for index, name in enumerate(FEATURES)]
    label = F.sin(F.col("x0") * 6) + F.col("x1") * F.col("x2") + F.abs(F.col("x3") - 0.5) + F.randn(seed=99) * 0.1
    return spark.range(rows).select("id", *columns).withColumn("y", label.cast("float")).cache()


def rmse(predict: Predict, test: pd.DataFrame) -> float:
    return math.sqrt(float(np.mean((np.asarray(predict(test)) - test["y"].to_numpy()) ** 2)))


# ---- XGBoost ---------------------------------------------------------------------------------------------------
def xgboost_raydp(train: DataFrame, steps: int) -> Predict:
    estimator = XGBoostEstimator(PARAMS, "y", feature_columns=FEATURES, num_boost_round=steps, checkpoint_every=steps)
    estimator.fit(train)
    return lambda test: estimator.predict(test)["prediction"]


def xgboost_files(train: DataFrame, steps: int) -> Predict:
    def train_in_worker(config: dict[str, Any]) -> bytes:
        rows = ray.train.get_dataset_shard("train").materialize().to_pandas()
        return bytes(xgboost_alone(rows, config["steps"]).save_raw("ubj"))

    booster = xgboost.Booster()
    booster.load_model(bytearray(_through_files(train, XGBoostTrainer, train_in_worker, steps)))
    return xgboost_predict(booster)


def xgboost_spark(train: DataFrame, steps: int) -> Predict:
    assembler = VectorAssembler(inputCols=FEATURES, outputCol="features")
    model = GBTRegressor(labelCol="y", maxIter=steps, maxDepth=6, stepSize=0.3).fit(assembler.transform(train))

    def predict(test: pd.DataFrame) -> Any:
        rows = assembler.transform(train.sparkSession.createDataFrame(test))
        predicted = model.transform(rows).select("id", "prediction").toPandas()
        return predicted.set_index("id")["prediction"].loc[test["id"]]

    return predict


def xgboost_pandas(train: DataFrame, steps: int) -> Predict:
    return xgboost_predict(xgboost_alone(train.select(*FEATURES, "y").toPandas(), steps))


def xgboost_alone(train: pd.DataFrame, steps: int) -> xgboost.Booster:
    rows = xgboost.DMatrix(train[FEATURES], train["y"])
    # Computes the metrics of each round, as raydp does. That takes a tenth of the time.
    return xgboost.train(PARAMS, rows, steps, evals=[(rows, "train")], verbose_eval=False)


def xgboost_predict(booster: xgboost.Booster) -> Predict:
    return lambda test: booster.predict(xgboost.DMatrix(test[FEATURES]))


# ---- PyTorch ---------------------------------------------------------------------------------------------------
def network() -> torch.nn.Module:
    torch.manual_seed(1)
    return torch.nn.Sequential(
        torch.nn.Linear(len(FEATURES), 64),
        torch.nn.ReLU(),
        torch.nn.Linear(64, 64),
        torch.nn.ReLU(),
        torch.nn.Linear(64, 1),
    )


def epochs_of(model: torch.nn.Module, batches: Callable[[], Any], epochs: int) -> None:
    optimizer, loss = torch.optim.Adam(model.parameters(), LEARNING_RATE), torch.nn.MSELoss()
    for _ in range(epochs):
        for features, labels in batches():
            optimizer.zero_grad()
            loss(model(features)[:, 0], labels).backward()
            optimizer.step()


def torch_predict(model: torch.nn.Module) -> Predict:
    def predict(test: pd.DataFrame) -> Any:
        with torch.inference_mode():
            return model(torch.from_numpy(test[FEATURES].to_numpy(np.float32)))[:, 0].numpy()

    return predict


def torch_raydp(train: DataFrame, steps: int) -> Predict:
    estimator = TorchEstimator(
        model=network,
        optimizer=lambda model: torch.optim.Adam(model.parameters(), LEARNING_RATE),
        loss=torch.nn.MSELoss(),
        feature_columns=FEATURES,
        label_column="y",
        batch_size=BATCH,
        num_epochs=steps,
    )
    estimator.fit(train)
    return lambda test: estimator.predict(test)["prediction"]


def torch_files(train: DataFrame, steps: int) -> Predict:
    def train_in_worker(config: dict[str, Any]) -> dict[str, Any]:
        shard, model = ray.train.get_dataset_shard("train"), network()

        def batches() -> Any:
            for batch in shard.iter_torch_batches(batch_size=BATCH, local_shuffle_buffer_size=16 * BATCH):
                yield torch.stack([batch[name] for name in FEATURES], dim=1), batch["y"]

        epochs_of(model, batches, config["steps"])
        return {name: tensor.numpy() for name, tensor in model.state_dict().items()}

    model, state = network(), _through_files(train, TorchTrainer, train_in_worker, steps)
    model.load_state_dict({name: torch.from_numpy(values.copy()) for name, values in state.items()})
    return torch_predict(model)


def torch_pandas(train: DataFrame, steps: int) -> Predict:
    return torch_predict(torch_alone(train.select(*FEATURES, "y").toPandas(), steps))


def torch_alone(train: pd.DataFrame, steps: int) -> torch.nn.Module:
    torch.set_num_threads(1)
    features = torch.from_numpy(train[FEATURES].to_numpy(np.float32))
    labels = torch.from_numpy(train["y"].to_numpy(np.float32))
    random, model = np.random.default_rng(0), network()

    def batches() -> Any:
        order = torch.from_numpy(random.permutation(len(train)))
        for some in order.split(BATCH):
            yield features[some], labels[some]

    epochs_of(model, batches, steps)
    return model


def _through_files(train: DataFrame, trainer: Any, train_in_worker: Callable[[Any], Any], steps: int) -> Any:
    """Write the rows to files, train in a Ray Train worker that reads them, and return the worker's result."""
    folder = Path(tempfile.mkdtemp(prefix="raydp-bench-"))
    try:
        train.select(*FEATURES, "y").write.parquet(str(folder / "rows"))
        training = trainer(
            train_in_worker,
            train_loop_config={"steps": steps},
            datasets={"train": ray.data.read_parquet(str(folder / "rows"), file_extensions=["parquet"])},
            run_config=ray.train.RunConfig(storage_path=str(folder)),
        )
        return training.fit().return_value
    finally:
        shutil.rmtree(folder)


WAYS: dict[str, dict[str, Callable[[Any, int], Predict]]] = {
    "xgboost": {"raydp": xgboost_raydp, "files": xgboost_files, "spark": xgboost_spark, "pandas": xgboost_pandas},
    "torch": {"raydp": torch_raydp, "files": torch_files, "pandas": torch_pandas},
}
ALONE: dict[str, Callable[[Any, int], Any]] = {"xgboost": xgboost_alone, "torch": torch_alone}


def measure(model: str, ways: list[str], rows: DataFrame, steps: int, rounds: int) -> list[dict[str, Any]]:
    """Alternate between the ways. The first turn measures memory; its time counts only for Spark's slow trees."""
    train, test = rows.where("id % 5 <> 0"), rows.where("id % 5 = 0").toPandas()
    collected = train.toPandas()
    found: dict[str, dict[str, Any]] = {way: {"seconds": []} for way in WAYS[model] if way in ways}
    training = []
    ALONE[model](collected[:1000], 1)  # the first optimizer of a process imports half of PyTorch
    for turn in range(rounds + 1):
        counts = turn > 0 or rounds == 0
        if counts:
            training.append(timed(lambda: ALONE[model](collected, steps))[0])
        for way, one in found.items():
            if turn and way == "spark":
                continue
            memory = MemoryWatch(with_segments=True, new_processes=True)
            with nullcontext() if turn else memory:
                seconds, predict = timed(lambda run=WAYS[model][way]: run(train, steps))
            print(f"{model} {way}, turn {turn}: {seconds:.1f} s", file=sys.stderr, flush=True)
            if counts or way == "spark":
                one["seconds"].append(seconds)
            if not turn:
                one |= {"peak_extra_bytes": memory.peak_extra_bytes, "rmse": rmse(predict, test)}
    own = float(np.median(training))
    return [
        {
            "model": model,
            "way": way,
            "rows": len(collected),
            "steps": steps,
            "seconds_median": (median := float(np.median(one["seconds"]))),
            "seconds_min": min(one["seconds"]),
            "seconds_max": max(one["seconds"]),
            "training_seconds": own,
            "hand_over": (median - own) / median,
            "rmse": one["rmse"],
            "peak_extra_bytes": one["peak_extra_bytes"],
        }
        for way, one in found.items()
    ]


def timed(run: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = run()
    return time.perf_counter() - start, result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=sorted(WAYS), default=sorted(WAYS))
    parser.add_argument("--ways", nargs="+", choices=[*WAYS["xgboost"]], default=[*WAYS["xgboost"]])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--trees", type=int, default=200)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument(
        "--rounds", type=int, default=3, help="rounds after the first; the first counts only if this is 0"
    )
    parser.add_argument("--json", type=Path, help="write the results to this file")
    options = parser.parse_args()

    logging.getLogger("ray.data").setLevel(logging.ERROR)
    ray.data.DataContext.get_current().enable_progress_bars = False
    ray.init(
        "local", num_cpus=3, object_store_memory=1024 * MEBIBYTE, include_dashboard=False, log_to_driver=False,
        logging_level=logging.WARNING,
    )  # fmt: skip
    configs = {
        "spark.log.level": "ERROR",
        "spark.raydp.archiveClasses": "false",
        "spark.raydp.progress": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    spark = raydp.init_spark("estimators benchmark", 1, 1, "2g", configs={**configs, "spark.driver.maxResultSize": "0"})
    try:
        rows = frame(spark, options.rows)
        rows.count()
        results = []
        for model in options.models:
            steps = options.trees if model == "xgboost" else options.epochs
            results += measure(model, options.ways, rows, steps, options.rounds)
    finally:
        raydp.stop_spark()
        ray.shutdown()
    widths = {"model": 8, "way": 7, "seconds": 8, "min": 7, "max": 7, "training": 8, "hand-over": 9, "rmse": 7, "MB": 6}
    print(" ".join(f"{name:{'<' if name in ('model', 'way') else '>'}{width}}" for name, width in widths.items()))
    for row in results:
        print(
            f"{row['model']:8} {row['way']:7} {row['seconds_median']:8.2f} {row['seconds_min']:7.2f} "
            f"{row['seconds_max']:7.2f} {row['training_seconds']:8.2f} {row['hand_over']:9.1%} {row['rmse']:7.4f} "
            f"{row['peak_extra_bytes'] / 1e6:6.0f}"
        )
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
