"""What all estimators share: their base class, their options, and the results of a fit and of an evaluation.

``EstimatorInterface`` and ``SparkEstimatorInterface`` are the base classes of estimators in RayDP 1.6.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from raydp._estimators.configuration import Configuration
    from raydp._estimators.estimator import Estimator
    from raydp._estimators.evaluation import Evaluation
    from raydp._estimators.mlflow_options import MLflowOptions
    from raydp._estimators.training.result import FitResult
    from raydp._legacy.interfaces import EstimatorInterface, SparkEstimatorInterface

__all__ = [
    "Configuration",
    "Estimator",
    "EstimatorInterface",
    "Evaluation",
    "FitResult",
    "MLflowOptions",
    "SparkEstimatorInterface",
]

_HOME = {
    "Configuration": "raydp._estimators.configuration",
    "Estimator": "raydp._estimators.estimator",
    "EstimatorInterface": "raydp._legacy.interfaces",
    "Evaluation": "raydp._estimators.evaluation",
    "FitResult": "raydp._estimators.training.result",
    "MLflowOptions": "raydp._estimators.mlflow_options",
    "SparkEstimatorInterface": "raydp._legacy.interfaces",
}


def __getattr__(name: str) -> Any:
    # Imported on first use: workers unpickle the configuration, and need neither Spark nor Ray Data.
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'raydp.estimator' has no attribute {name!r}")
