"""Where RayDP 1.6 defined ``init_spark`` and ``stop_spark``."""

from __future__ import annotations

from raydp._session.init_spark import init_spark, stop_spark

__all__ = ["init_spark", "stop_spark"]
