"""Fits, evaluates and predicts on a small Dataset, in a cluster whose only CPU is busy for a moment."""

from __future__ import annotations

import sys

import pandas as pd
import ray
import ray.data
import ray.util

from raydp.errors import ClusterError
from raydp.xgboost import XGBoostEstimator

ray.init("local", num_cpus=2, include_dashboard=False, object_store_memory=200 * 1024**2)
frame = ray.data.range(1000).map(lambda row: {"x": row["id"] % 7, "y": row["id"] % 2})
estimator = XGBoostEstimator({"objective": "binary:logistic"}, "y", num_boost_round=3, seed=1, progress=True)
print("== calls of raydp", file=sys.stderr)
estimator.fit(frame, frame)
print(sorted(estimator.evaluate(frame)))
predicted = estimator.predict(frame)
print("== calls of the program", file=sys.stderr)
print(len(predicted.filter(lambda row: row["id"] < 0 if "id" in row else True).take_all()))

group = ray.util.placement_group([{"CPU": 2}])
assert group.wait(60)
rows = pd.DataFrame({"x": [1.0, 2.0], "y": [1.0, 2.0]})
try:
    XGBoostEstimator({}, "y", start_timeout=0.1).fit(rows)
except ClusterError as error:
    print(error)
