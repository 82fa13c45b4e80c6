"""Shared by all tests: one Ray cluster and one Spark session on it, and Hypothesis' profiles."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession

sys.path.insert(0, str(Path(__file__).parent))

with suppress(ImportError):
    import triton._C.libtriton  # noqa: F401  (before a test imports keras; raydp.tf says why)

_QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
settings.register_profile("dev", max_examples=25, deadline=None, suppress_health_check=_QUIET)
settings.register_profile("ci", max_examples=60, deadline=None, suppress_health_check=_QUIET, derandomize=True)
settings.register_profile("nightly", max_examples=1000, deadline=None, suppress_health_check=_QUIET)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))

OBJECT_STORE_BYTES = 512 * 1024**2


def pytest_addoption(parser: pytest.Parser) -> None:
    """The sizes of runs that can be made long; the defaults are for a run beside all other tests."""
    parser.addoption("--seed", type=int, default=1, help="what tests/faults kills, and when, follows from it")
    parser.addoption("--kills", type=int, default=10, help="how many processes tests/faults kills or freezes")
    parser.addoption(
        "--applications", type=int, default=2, help="how many tests/lifecycle/test_session.py runs at once"
    )
    parser.addoption("--restarts", type=int, default=6, help="how often tests/lifecycle/test_restarts.py starts Spark")


def pytest_configure(config: pytest.Config) -> None:
    """Let each Ray cluster of the tests, of their programs too, use a folder that goes with this process.

    A cluster that a JVM joins leaves 40 MB behind, and there are more than a hundred of them.
    """
    folder = tempfile.mkdtemp(prefix="rt-", dir="/tmp")  # short: sockets' paths have a limit
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    os.environ["RAY_TMPDIR"] = folder
    # Ray spills nothing where less than 5 % of the disk are free, which says little of the few GB that tests need.
    os.environ["RAY_local_fs_capacity_threshold"] = "0.999"  # noqa: SIM112  (how Ray spells it)


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[Any]:
    """A Ray cluster of one node with 4 CPUs for the whole run, not shared with anything else on the machine."""
    import ray

    os.environ["PYTHONPATH"] = os.pathsep.join(
        [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    )
    context = ray.init(
        "local",
        num_cpus=4,
        object_store_memory=OBJECT_STORE_BYTES,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="WARNING",
    )
    yield context
    ray.shutdown()


@pytest.fixture(scope="session")
def spark(ray_cluster: Any) -> Iterator[SparkSession]:
    """A session with two executors of one core each, for all tests that only use Spark."""
    import raydp

    session = raydp.init_spark(
        "raydp tests",
        num_executors=2,
        executor_cores=1,
        executor_memory="600m",
        configs={
            "spark.sql.shuffle.partitions": "2",
            "spark.ui.enabled": "false",
            "spark.sql.session.timeZone": "America/New_York",
            "spark.sql.timeType.enabled": "true",
            "spark.sql.geospatial.enabled": "true",
            "spark.log.level": "ERROR",
        },
    )
    yield session
    raydp.stop_spark()
