"""What RayDP 1.6 had as the bases of its estimators, for programs that have estimators of their own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

__all__ = ["EstimatorInterface", "SparkEstimatorInterface"]


class EstimatorInterface(ABC):
    """Something that is fitted to a Dataset and has a model then."""

    @abstractmethod
    def fit(self, train_ds: Any, evaluate_ds: Any = None) -> Any:
        """Train a model; measure it on the second frame, if there is one."""

    @abstractmethod
    def get_model(self) -> Any:
        """Return the trained model."""


class SparkEstimatorInterface(ABC):
    """Something that is fitted to Spark DataFrames."""

    @abstractmethod
    def fit_on_spark(self, train_df: Any, evaluate_df: Any = None) -> Any:
        """Train a model; measure it on the second frame, if there is one."""
