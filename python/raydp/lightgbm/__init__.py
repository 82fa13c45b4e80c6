"""LightGBM on Spark DataFrames and Ray Datasets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from raydp.lightgbm.estimator import LightGBMEstimator

__all__ = ["LightGBMEstimator"]


def __getattr__(name: str) -> Any:
    # Imported on first use: workers import this package for the learner, and need neither Spark nor Ray Data.
    if name == "LightGBMEstimator":
        from raydp.lightgbm.estimator import LightGBMEstimator

        return LightGBMEstimator
    raise AttributeError(f"module 'raydp.lightgbm' has no attribute {name!r}")
