"""PyTorch on Spark DataFrames and Ray Datasets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from raydp.torch.estimator import TorchEstimator

__all__ = ["TorchEstimator"]


def __getattr__(name: str) -> Any:
    # Imported on first use: workers import this package for the learner, and need neither Spark nor Ray Data.
    if name == "TorchEstimator":
        from raydp.torch.estimator import TorchEstimator

        return TorchEstimator
    raise AttributeError(f"module 'raydp.torch' has no attribute {name!r}")
