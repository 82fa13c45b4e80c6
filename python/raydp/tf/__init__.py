"""TensorFlow's Keras on Spark DataFrames and Ray Datasets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from raydp.tf.estimator import TFEstimator

__all__ = ["TFEstimator"]


def __getattr__(name: str) -> Any:
    # When it is asked for: workers need the learner alone, not Spark and Ray Data.
    if name == "TFEstimator":
        from raydp.tf.estimator import TFEstimator

        return TFEstimator
    raise AttributeError(f"module 'raydp.tf' has no attribute {name!r}")
