"""TensorFlow's Keras on Spark DataFrames and Ray Datasets."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from raydp.tf.estimator import TFEstimator

__all__ = ["TFEstimator"]

# TensorFlow 2.20 and later put their LLVM where libraries that are loaded afterwards find it, and PyTorch's Triton then
# ends the process (tensorflow/tensorflow#124205); in this order both work. Ray's workers serve one after the other.
if "tensorflow" not in sys.modules and importlib.util.find_spec("triton") is not None:
    importlib.import_module("triton._C.libtriton")


def __getattr__(name: str) -> Any:
    # When it is asked for: workers need the learner alone, not Spark and Ray Data.
    if name == "TFEstimator":
        from raydp.tf.estimator import TFEstimator

        return TFEstimator
    raise AttributeError(f"module 'raydp.tf' has no attribute {name!r}")
