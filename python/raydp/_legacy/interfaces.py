"""Base classes of estimators in RayDP 1.6, for programs that define their own estimators."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from raydp._configuration.public_names import public_in

__all__ = ["EstimatorInterface", "SparkEstimatorInterface"]


@public_in("raydp.estimator")
class EstimatorInterface(ABC):
    """An estimator that is fitted to a Dataset."""

    @abstractmethod
    def fit(self, train_ds: Any, evaluate_ds: Any = None) -> Any:
        """Train a model; evaluate it on the second frame, if there is one."""

    @abstractmethod
    def get_model(self) -> Any:
        """Return the trained model."""


@public_in("raydp.estimator")
class SparkEstimatorInterface(ABC):
    """An estimator that is fitted to Spark DataFrames."""

    @abstractmethod
    def fit_on_spark(self, train_df: Any, evaluate_df: Any = None) -> Any:
        """Train a model; evaluate it on the second frame, if there is one."""
