"""XGBoost on Spark DataFrames and Ray Datasets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from raydp.xgboost.estimator import XGBoostEstimator

__all__ = ["XGBoostEstimator"]


def __getattr__(name: str) -> Any:
    # Imported on first use: workers import this package for the learner, and need neither Spark nor Ray Data.
    if name == "XGBoostEstimator":
        from raydp.xgboost.estimator import XGBoostEstimator

        return XGBoostEstimator
    raise AttributeError(f"module 'raydp.xgboost' has no attribute {name!r}")
