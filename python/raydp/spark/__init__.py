"""Names of RayDP 1.6 for moving data between Spark and Ray, two of which Ray Data calls itself."""

from __future__ import annotations

from raydp._estimators.interfaces import SparkEstimatorInterface
from raydp._session import init_spark as init_spark
from raydp._session import stop_spark as stop_spark
from raydp.spark.dataset import (
    PartitionObjectsOwner,
    from_spark_recoverable,
    get_raydp_master_owner,
    ray_dataset_to_spark_dataframe,
    read_spark_parquet,
    release_spark_recoverable,
    spark_dataframe_to_ray_dataset,
)

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
