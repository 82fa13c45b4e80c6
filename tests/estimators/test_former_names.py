"""Names and orders of arguments that programs for RayDP 1.6 rely on."""

from __future__ import annotations

import pytest

import raydp.estimator
import raydp.spark
from raydp.errors import NotADataFrameError
from raydp.xgboost import XGBoostEstimator


def test_estimators_are_of_the_former_kinds() -> None:
    estimator = XGBoostEstimator({}, "y")
    assert isinstance(estimator, raydp.estimator.EstimatorInterface)
    assert isinstance(estimator, raydp.spark.SparkEstimatorInterface)


def test_fit_on_spark_takes_its_arguments_in_the_former_order() -> None:
    with pytest.warns(DeprecationWarning, match="no longer has an effect") as warned, pytest.raises(NotADataFrameError):
        XGBoostEstimator({}, "y").fit_on_spark(None, None, 2, "file:///rows", "gzip", True)  # noqa: FBT003
    assert [str(one.message).partition(" ")[0] for one in warned] == ["fs_directory", "compression"]
    assert {one.filename for one in warned} == {__file__}


def test_keras_had_an_order_of_its_own() -> None:
    keras = pytest.importorskip("keras", reason="the tf extra is not installed")
    pytest.importorskip("tensorflow", reason="the tf extra is not installed")
    from raydp.tf import TFEstimator

    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    estimator = TFEstimator(model=model, optimizer="adam", loss="mse", feature_columns="x", label_columns="y")
    with pytest.warns(DeprecationWarning, match="no longer has an effect") as warned, pytest.raises(NotADataFrameError):
        estimator.fit_on_spark(None, None, "file:///rows", "gzip", 2, True)  # noqa: FBT003
    assert [str(one.message).partition(" ")[0] for one in warned] == ["fs_directory", "compression"]
    assert {one.filename for one in warned} == {__file__}
