"""A program of first_hour/test_room_for_tasks.py: executors that leave room to Ray's tasks, and some that do not."""

import sys
import threading
from collections.abc import Callable
from typing import Any, TextIO

import numpy as np
import ray
import ray.data
from pyspark.sql import DataFrame, SparkSession
from sklearn.linear_model import LinearRegression

import raydp
from raydp.sklearn import SklearnEstimator
from support.scripting import begin_part, eventually, say, start_ray

SETTINGS = {"spark.ui.enabled": False, "spark.raydp.archiveClasses": False}


def double(batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: 2 * values for name, values in batch.items()}


class Told:
    """Standard error, and what was written to it."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.text = ""

    def write(self, text: str) -> int:
        self.text += text
        return self.stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def frame_of(spark: SparkSession) -> DataFrame:
    return spark.range(100).selectExpr("double(id) AS x", "double(2 * id) AS y")


start_ray(num_cpus=2)

begin_part("nothing is given")
with raydp.init_spark(configs=SETTINGS) as spark:
    conf = spark.sparkContext.getConf()
    say("executors:", conf.get("spark.executor.instances"), "cores:", conf.get("spark.executor.cores"))
    say("rows:", ray.data.from_spark(spark.range(10)).map_batches(double).to_spark(spark).count())
    fitted = SklearnEstimator(LinearRegression(), label_column="y")
    fitted.fit(frame_of(spark))
    say("predicted:", fitted.predict(frame_of(spark)).count())

begin_part("no room")
print("== no room", file=sys.stderr, flush=True)
spark = raydp.init_spark("full", 2, 1, "500m", configs=SETTINGS)
eventually("executors: 2", lambda: ray.available_resources().get("CPU", 0.0) == 0)
dataset, frame = ray.data.from_spark(spark.range(10)), frame_of(spark)
impatient = SklearnEstimator(LinearRegression(), label_column="y", start_timeout=12)
told = Told(sys.stderr)
sys.stderr = told  # type: ignore[assignment]


def begin(what: str, action: Callable[[], object]) -> threading.Thread:
    def run() -> None:
        try:
            say(f"{what}:", action())
        except raydp.errors.RaydpError as error:
            say(f"{what}: {type(error).__name__}: {error}")

    thread = threading.Thread(target=run)
    thread.start()
    return thread


threads = [
    begin("a Dataset", lambda: dataset.map_batches(double).count()),
    begin("to_spark", lambda: raydp.to_spark(ray.data.from_items([{"n": 1}, {"n": 2}]).map_batches(double)).count()),
    begin("predict", lambda: fitted.predict(frame).count()),
    begin("fit", lambda: impatient.fit(frame)),
]
eventually("told: 4", lambda: told.text.count("must wait for CPUs") >= 4, seconds=60)
threads[-1].join()
say("scaled:", raydp.scale(1))
for thread in threads:
    thread.join()
