"""Where RayDP 1.6 defined the base class of its estimators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from raydp._legacy.interfaces import SparkEstimatorInterface

if TYPE_CHECKING:
    import pyspark.pandas
    import pyspark.sql

__all__ = ["DF", "OPTIONAL_DF", "SparkEstimatorInterface"]

DF: TypeAlias = "pyspark.sql.DataFrame | pyspark.pandas.DataFrame[Any]"
"""A DataFrame of Spark, or of pandas on Spark."""

OPTIONAL_DF: TypeAlias = "pyspark.sql.DataFrame | pyspark.pandas.DataFrame[Any] | None"
"""The same, or ``None``."""
