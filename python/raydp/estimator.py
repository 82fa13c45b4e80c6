"""The base of estimators, where RayDP 1.6 had it."""

from __future__ import annotations

from raydp._legacy.interfaces import EstimatorInterface

__all__ = ["EstimatorInterface"]
