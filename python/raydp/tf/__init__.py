"""TensorFlow's Keras on Spark DataFrames and Ray Datasets."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import TYPE_CHECKING, Any

from raydp.tf.log_levels import quieten_worker

if TYPE_CHECKING:
    from raydp.tf.estimator import TFEstimator

__all__ = ["TFEstimator"]

quieten_worker()  # before TensorFlow is imported

# TensorFlow 2.20 and later export the symbols of their LLVM. If PyTorch's Triton is loaded after it, the process ends
# (tensorflow/tensorflow#124205). In this order both work, and a Ray worker process may need both in turn.
if "tensorflow" not in sys.modules and importlib.util.find_spec("triton") is not None:
    importlib.import_module("triton._C.libtriton")


def __getattr__(name: str) -> Any:
    # Imported on first use: workers import this package for the learner, and need neither Spark nor Ray Data.
    if name == "TFEstimator":
        from raydp.tf.estimator import TFEstimator

        return TFEstimator
    raise AttributeError(f"module 'raydp.tf' has no attribute {name!r}")
