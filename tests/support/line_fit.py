"""A fit as small as possible, for programs that try every use of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.linear_model import LinearRegression

from raydp.sklearn import SklearnEstimator
from support.scripting import say

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

__all__ = ["say_learned_line"]


def say_learned_line(spark: SparkSession) -> None:
    """Learn y = 2x + 1 from 200 points. Print the slope, and how many points are predicted."""
    points = spark.range(200).selectExpr("cast(id as double) as x", "2.0 * id + 1.0 as y")
    estimator = SklearnEstimator(LinearRegression(), feature_columns=["x"], label_column="y")
    estimator.fit(points)
    say("learned:", np.round(estimator.get_model().coef_, 6).tolist())
    say("predicted:", estimator.predict(points).filter("abs(prediction - y) < 1e-6").count())
