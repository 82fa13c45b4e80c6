"""Estimators of raydp as stages of Spark ML pipelines.

Put a :class:`RayEstimator` into a ``Pipeline`` after MLlib's feature stages. A ``CrossValidator`` can tune it, and the
pipeline saves and loads it.
"""

from __future__ import annotations

from raydp.ml.stages import RayEstimator, RayModel

__all__ = ["RayEstimator", "RayModel"]
