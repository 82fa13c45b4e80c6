"""Programs for RayDP 1.6 import these names from these modules."""

from __future__ import annotations

import importlib

import pytest

import raydp
from raydp.mpi import MPIJob

NAMES = {
    "raydp": "init_spark stop_spark",
    "raydp.context": "init_spark stop_spark",
    "raydp.estimator": "EstimatorInterface",
    "raydp.mpi": "MPIJobContext MPIType WorkerContext create_mpi_job",
    "raydp.mpi.mpi_job": "MPIJob MPIJobContext MPIType",
    "raydp.spark": "SparkEstimatorInterface from_spark_recoverable ray_dataset_to_spark_dataframe",
    "raydp.spark.interfaces": "DF OPTIONAL_DF SparkEstimatorInterface",
    "raydp.spark.ray_cluster_master": "RAYDP_SPARK_MASTER_SUFFIX RayDPSparkMaster",
    "raydp.utils": "divide_blocks parse_memory_size random_split",
    "raydp.versions": "SPARK_LOG4J_VERSION RAY_LOG4J_CONFIG_FILE_NAME_KEY",
}


@pytest.mark.parametrize("module", NAMES)
def test_names_can_be_imported(module: str) -> None:
    found = importlib.import_module(module)
    assert [name for name in NAMES[module].split() if not hasattr(found, name)] == []


def test_they_are_the_same_objects() -> None:
    assert importlib.import_module("raydp.context").init_spark is raydp.init_spark
    assert importlib.import_module("raydp.mpi.mpi_job").MPIJob is MPIJob
