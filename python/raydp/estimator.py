"""The base class of estimators, under the name that it had in RayDP 1.6."""

from __future__ import annotations

from raydp._legacy.interfaces import EstimatorInterface

__all__ = ["EstimatorInterface"]
