"""Conversions between Spark and Ray under the names of RayDP 1.6. Ray Data calls two of them."""

from __future__ import annotations

from raydp._legacy.dataset import (
    PartitionObjectsOwner,
    from_spark_recoverable,
    get_raydp_master_owner,
    ray_dataset_to_spark_dataframe,
    read_spark_parquet,
    release_spark_recoverable,
    spark_dataframe_to_ray_dataset,
)
from raydp._legacy.interfaces import SparkEstimatorInterface
from raydp._session.init_spark import init_spark as init_spark
from raydp._session.init_spark import stop_spark as stop_spark

__all__ = [
    "PartitionObjectsOwner",
    "SparkEstimatorInterface",
    "from_spark_recoverable",
    "get_raydp_master_owner",
    "ray_dataset_to_spark_dataframe",
    "read_spark_parquet",
    "release_spark_recoverable",
    "spark_dataframe_to_ray_dataset",
]
