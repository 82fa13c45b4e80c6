"""A program of faults/test_soak.py: works for the minutes of its argument, and says again and again what it holds."""

import gc
import itertools
import json
import os
import sys
import time
from dataclasses import asdict

import ray
from sklearn.linear_model import SGDRegressor

import raydp
from raydp.sklearn import SklearnEstimator
from raydp.xgboost import XGBoostEstimator
from support import applications
from support.chaos.plan import Target
from support.chaos.processes import targets
from support.datasets import collect_garbage, eventually, store_bytes_used
from support.footprints import footprint_of
from support.scripting import say, start_ray

ROWS = 40_000
TOTAL = ROWS * (ROWS - 1) // 2
CONVERSIONS_PER_CYCLE = 5
KINDS = Target.EXECUTOR, Target.APP_MASTER, Target.AGENT


def touched(megabytes):
    """Options with which a JVM has its whole heap from the start. Otherwise it grows for as long as it may."""
    return f"-Xms{megabytes}m -XX:+AlwaysPreTouch"


start_ray()
spark = raydp.init_spark(
    "soak",
    2,
    1,
    "500m",
    configs={
        "spark.driver.memory": "500m",
        "spark.driver.extraJavaOptions": touched(500),
        "spark.executor.extraJavaOptions": touched(500),
        "spark.raydp.appMaster.extraJavaOptions": touched(64),
        "spark.ui.enabled": False,
        "spark.log.level": "ERROR",
        "spark.sql.shuffle.partitions": 2,
        "spark.raydp.archiveClasses": False,
        # Spark keeps what its UI shows. With its own bounds, it would still be filling up at the end.
        "spark.ui.retainedJobs": 10,
        "spark.ui.retainedStages": 10,
        "spark.ui.retainedTasks": 100,
        "spark.sql.ui.retainedExecutions": 10,
    },
)
frame = spark.range(0, ROWS, 1, 4).selectExpr(
    "id", "cast(id % 1000 as double) x", "cast(id as string) name", "array(id, id + 1) pair", "id * 2.0 y"
)


def convert():
    """Both ways, with a Dataset that only its DataFrame keeps."""
    dataset = raydp.from_spark(frame)
    back = raydp.to_spark(dataset)
    del dataset
    assert back.selectExpr("sum(id)", "count(distinct name)").first() == (TOTAL, ROWS)


def convert_changed():
    """Through Ray Data, which runs tasks."""
    dataset = ray.data.from_spark(frame.select("id", "x")).map_batches(lambda batch: batch, batch_format="pyarrow")
    assert dataset.to_spark(spark).selectExpr("sum(id)").first() == (TOTAL,)


def register():
    raydp.register(raydp.from_spark(frame.select("id", "x")), "numbers")
    assert spark.sql("SELECT sum(id) FROM ray.numbers").first() == (TOTAL,)
    raydp.unregister("numbers")


def drop():
    """Datasets of which Spark reads nothing, or only a part."""
    raydp.from_spark(frame)
    assert raydp.to_spark(raydp.from_spark(frame)).limit(10).count() == 10


def fit(estimator):
    estimator.fit(frame)
    assert estimator.predict(frame).where("prediction IS NOT NULL").count() == ROWS


def fit_xgboost():
    fit(XGBoostEstimator({"max_depth": 2}, "y", num_boost_round=2, feature_columns=["x"]))


def fit_sklearn():
    fit(SklearnEstimator(SGDRegressor(), "y", feature_columns=["x"], num_epochs=2))


def processes():
    """The processes of the application, by name. All of them stay until its end."""
    found = {f"{kind.value} {pid}": pid for kind in KINDS for pid in targets(kind)}
    return {"driver": os.getpid(), "driver JVM": applications.driver_process().pid, **found}


def settle():
    """Wait until what was dropped is gone: leases end with the garbage collection of the driver JVM."""
    collect_garbage(spark)
    eventually(lambda: gc.collect() >= 0 and not applications.lineages() and store_bytes_used() == 0, within=30)


def look():
    settle()
    held = {
        "bytes in the store": store_bytes_used(),
        "lineages": applications.lineages(),
        "leases": applications.held_datasets(),
        "blocks in agents": applications.open_blocks(),
    }
    footprints = {name: asdict(footprint_of(pid)) for name, pid in processes().items()}
    seconds = round(time.monotonic() - began)
    say("look:", json.dumps({"seconds": seconds, "held": held, "processes": footprints}))


began = time.monotonic()
for fit_one in itertools.cycle([fit_xgboost, fit_sklearn]):
    for _ in range(CONVERSIONS_PER_CYCLE):
        convert()
        convert_changed()
        register()
        drop()
    fit_one()
    look()
    if time.monotonic() - began > 60 * float(sys.argv[1]):
        break
raydp.stop_spark()
