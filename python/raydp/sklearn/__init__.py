"""scikit-learn's estimators on Spark DataFrames and Ray Datasets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from raydp.sklearn.estimator import SklearnEstimator

__all__ = ["SklearnEstimator"]


def __getattr__(name: str) -> Any:
    # Imported on first use: workers import this package for the learner, and need neither Spark nor Ray Data.
    if name == "SklearnEstimator":
        from raydp.sklearn.estimator import SklearnEstimator

        return SklearnEstimator
    raise AttributeError(f"module 'raydp.sklearn' has no attribute {name!r}")
