"""Errors that raydp raises in Ray's workers reach the caller with their own type, and without Ray's advice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import ray
import ray.data

from raydp._ray.failures import describe_death, find_raydp_error
from raydp.errors import InvalidDataError
from raydp.xgboost import XGBoostEstimator

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import SparkSession

ROWS = pd.DataFrame({"x": np.arange(40.0), "y": ["a", "b"] * 20})
UNKNOWN = pd.DataFrame({"x": [1.0, 2.0], "y": ["a", "zzz"]})


def estimator(objective: str = "binary:logistic", **options: Any) -> XGBoostEstimator:
    return XGBoostEstimator(
        {"objective": objective}, label_column="y", feature_columns=["x"], num_boost_round=1, **options
    )


@pytest.fixture(scope="module")
def fitted(spark: SparkSession) -> XGBoostEstimator:
    """A classifier of texts that takes no nulls."""
    made = estimator(nulls="error")
    made.fit(ROWS)
    return made


@pytest.fixture(scope="module")
def regression(spark: SparkSession) -> XGBoostEstimator:
    made = estimator("reg:squarederror")
    made.fit(ROWS.assign(y=ROWS["x"] * 2.0))
    return made


@pytest.fixture(scope="module")
def of_numbers(spark: SparkSession) -> XGBoostEstimator:
    """A classifier of numbers."""
    made = estimator()
    made.fit(ROWS.assign(y=[0, 1] * 20))
    return made


@pytest.fixture(params=["pandas", "ray", "spark"])
def frame_of(request: pytest.FixtureRequest, spark: SparkSession) -> Callable[[pd.DataFrame], Any]:
    """Makes a frame of each kind of one in pandas."""
    kinds: dict[str, Callable[[pd.DataFrame], Any]] = {
        "pandas": lambda frame: frame,
        "ray": ray.data.from_pandas,
        "spark": spark.createDataFrame,
    }
    return kinds[request.param]


@pytest.mark.promised("Estimator.evaluate", "InvalidDataError")
def test_unknown_labels(fitted: XGBoostEstimator, frame_of: Callable[[pd.DataFrame], Any]) -> None:
    with pytest.raises(InvalidDataError, match=r"not trained with these labels: \['zzz'\]; its classes: 'a', 'b'$"):
        fitted.evaluate(frame_of(UNKNOWN))


@pytest.mark.promised("Estimator.predict", "InvalidDataError")
def test_values_that_the_model_does_not_take(fitted: XGBoostEstimator, frame_of: Callable[[pd.DataFrame], Any]) -> None:
    holes = pd.DataFrame({"x": [1.0, None], "y": ["a", "b"]})
    with pytest.raises(InvalidDataError, match=r"Features have nulls or NaN.*Columns: x \(1\)$"):
        fitted.predict(frame_of(holes))
    arrays = pd.DataFrame({"x": [[1.0, 2.0], [3.0, 4.0]], "y": ["a", "b"]})
    with pytest.raises(InvalidDataError, match=r"Column x: 1 in training, found: \[2\]$"):
        fitted.predict(frame_of(arrays))


def test_labels_of_another_type(
    regression: XGBoostEstimator, of_numbers: XGBoostEstimator, frame_of: Callable[[pd.DataFrame], Any]
) -> None:
    with pytest.raises(InvalidDataError, match=r"needs a numeric label.*Label y: (large_)?string"):
        regression.evaluate(frame_of(UNKNOWN))
    with pytest.raises(InvalidDataError, match=r"not trained with these labels: \['.*'\]; its classes: 0, 1"):
        of_numbers.evaluate(frame_of(UNKNOWN))
    with pytest.raises(InvalidDataError, match=r"not trained with these labels: \[0.5\]"):
        of_numbers.evaluate(frame_of(UNKNOWN.assign(y=[0.0, 0.5])))


def test_errors_of_the_users_functions_stay_what_ray_makes_of_them(fitted: XGBoostEstimator) -> None:
    def fail(batch: dict[str, Any]) -> dict[str, Any]:
        raise ValueError(f"raydp.errors is not the module of this one, of {len(batch)} columns")

    with pytest.raises(ray.exceptions.RayTaskError, match="is not the module of this one"):
        fitted.predict(ray.data.from_pandas(ROWS).map_batches(fail, batch_format="numpy"))


BECAUSE_OF = "\n\nThe above exception was the direct cause of the following exception:\n\n"
FRAME = '  File "x.py", line 1, in f\n    f()\n'
WRAPPED = BECAUSE_OF + "ray::f()\nray.exceptions.UserCodeException: UDF failed to process a data block."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{FRAME}raydp.errors.InvalidDataError: of\n\ntwo lines{WRAPPED}", "of\n\ntwo lines"),
        (f"{FRAME}KeyError: 1{BECAUSE_OF}{FRAME}raydp.errors.InvalidDataError: last{WRAPPED}", "last"),
        (f"{FRAME}raydp.errors.InvalidDataError: first{BECAUSE_OF}{FRAME}ValueError: the user's{WRAPPED}", None),
        (f"{FRAME}raydp.errors.InvalidDataError: not wrapped", None),
        (f"{FRAME}raydp.errors.Other: unknown{WRAPPED}", None),
        (f"{FRAME}ValueError: of raydp.errors.InvalidDataError: x{WRAPPED}", None),
    ],
)
def test_the_error_that_ray_data_wraps(text: str, expected: str | None) -> None:
    found = find_raydp_error(ray.exceptions.RayTaskError("f", text, ValueError("wrapped")))
    assert (None if found is None else str(found)) == expected
    assert found is None or type(found) is InvalidDataError


def test_why_an_actor_died_is_told(ray_cluster: Any) -> None:
    del ray_cluster

    @ray.remote(num_cpus=0)
    class Ending:
        def end(self) -> None:
            import os

            os._exit(3)

    with pytest.raises(ray.exceptions.RayActorError) as raised:
        ray.get(Ending.remote().end.remote(), timeout=60)
    assert describe_death(raised.value).startswith("Ray's reason: "), raised.value
    memory = "it died. Worker exit type: NODE_OUT_OF_MEMORY Worker exit detail: Memory is low.\nMore"
    assert describe_death(RuntimeError(memory)) == "Ray's reason: NODE_OUT_OF_MEMORY Memory is low."
    assert describe_death(RuntimeError("no reason")) == ""
