"""What all tests share: a Ray cluster, a Spark session on it, the marker ``cluster`` and Hypothesis' profiles."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from pyspark.sql import SparkSession

sys.path.insert(0, str(Path(__file__).parent))

with suppress(ImportError):
    import triton._C.libtriton  # noqa: F401  (before a test imports keras; raydp.tf says why)

_QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
settings.register_profile("dev", max_examples=25, deadline=None, suppress_health_check=_QUIET)
settings.register_profile("ci", max_examples=60, deadline=None, suppress_health_check=_QUIET, derandomize=True)
settings.register_profile("deployment", max_examples=25, deadline=None, suppress_health_check=_QUIET, derandomize=True)
settings.register_profile("nightly", max_examples=1000, deadline=None, suppress_health_check=_QUIET)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))

OBJECT_STORE_BYTES = 512 * 1024**2

#: Files that take the better part of a minute or more, the longest first. They start first, or one worker would end
#: alone with the last of them.
LONG_FILES = (
    "property/test_each_deployment.py",
    "faults/test_going_on.py",
    "standalone/test_standalone_cluster.py",
    "standalone/test_short_way.py",
    "standalone/test_nodes_of_clusters.py",
    "standalone/test_edges_of_clusters.py",
    "lifecycle/test_hosts.py",
    "submission/test_submission.py",
    "exchange/test_several_nodes.py",
    "lifecycle/test_session.py",
    "attach/test_notebook.py",
    "attach/test_relays.py",
    "exchange/test_limits.py",
    "examples/test_standalone_example.py",
    "lifecycle/test_autoscaling.py",
    "lifecycle/test_scaling.py",
    "attach/test_standalone.py",
    "connect/test_client.py",
    "connect/test_application.py",
    "connect/test_cancelling.py",
    "connect/test_killed_servers.py",
    "connect/test_refusals.py",
    "errors/test_start.py",
    "standalone/test_endings_of_clusters.py",
    "exchange/test_from_spark.py",
    "estimators/test_killed_workers.py",
    "lifecycle/test_kills.py",
    "estimators/test_tf.py",
    "first_hour/test_room_for_tasks.py",
    "lifecycle/test_restarts.py",
    "lifecycle/test_dashboard.py",
    "property/test_round_trips.py",
    "property/test_rows_of_rdds.py",
    "exchange/test_file_columns.py",
    "faults/test_chaos.py",
    "faults/test_sequences.py",
    "lifecycle/test_shuffle_service.py",
    "estimators/test_torch.py",
    "submission/test_dependencies.py",
    "lifecycle/test_placement.py",
    "examples/test_flights.py",
    "first_hour/test_ended_applications.py",
    "estimators/test_ml.py",
    "exchange/test_types.py",
    "packaging/test_distributions.py",
    "first_hour/test_quiet_estimators.py",
)

_sessions_before = pytest.StashKey[set[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the sizes of tests that can run for hours. The defaults suit a run of all tests."""
    parser.addoption("--seed", type=int, default=1, help="decides what tests/faults kills, and when")
    parser.addoption("--kills", type=int, default=6, help="how many processes tests/faults kills or freezes")
    parser.addoption(
        "--applications", type=int, default=2, help="how many applications tests/lifecycle/test_session.py runs at once"
    )
    parser.addoption(
        "--conversions", type=int, default=24, help="how many conversions tests/exchange/test_limits.py makes in a row"
    )
    parser.addoption(
        "--sequences", type=int, default=1, help="how many sequences of events tests/faults/test_sequences.py runs"
    )
    parser.addoption("--restarts", type=int, default=3, help="how often tests/lifecycle/test_restarts.py starts Spark")
    parser.addoption("--soak-minutes", type=float, default=10, help="how long tests/faults/test_soak.py works")
    parser.addoption(
        "--deployment",
        choices=("native", "local", "cluster", "standalone", "connect"),
        default="native",
        help="how the session of the fixture spark runs; tests/support/deployments.py describes each",
    )
    parser.addoption("--nightly", action="store_true", help="also run the tests that are marked nightly")


def pytest_configure(config: pytest.Config) -> None:
    """Give the Ray clusters of the tests and of their programs a folder that is deleted with this process.

    A cluster that a JVM joins leaves 40 MB of files, and there are more than a hundred clusters.
    """
    folder = tempfile.mkdtemp(prefix="rt-", dir="/tmp")  # short: the paths of sockets have a limit
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    os.environ["RAY_TMPDIR"] = folder
    # Ray starts one Python worker per CPU in advance, which takes a second of CPU time each. Most programs use one.
    os.environ["RAY_prestart_worker_first_driver"] = "0"  # noqa: SIM112  (Ray spells it this way)
    # Ray does not spill when less than 5 % of the disk is free, which can still be far more than the tests need.
    os.environ["RAY_local_fs_capacity_threshold"] = "0.999"  # noqa: SIM112
    # A run in the background ignores Ctrl-C, and what it starts would inherit that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)  # before -m selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that use the shared cluster, leave out what cannot or need not run, start the long files first."""
    for item in items:
        if item.get_closest_marker("classic") and item.config.getoption("--deployment") == "connect":
            item.add_marker(pytest.mark.skip(reason="Spark Connect has no RDDs and no SparkContext"))
        if item.get_closest_marker("nightly") and not item.config.getoption("--nightly"):
            item.add_marker(pytest.mark.skip(reason="runs in ci/nightly.sh, or with --nightly"))
        if "ray_cluster" in getattr(item, "fixturenames", ()):
            item.add_marker("cluster")
    order = {Path(__file__).parent / name: place for place, name in enumerate(LONG_FILES)}
    items.sort(key=lambda item: order.get(item.path, len(order)))


def pytest_collection_finish() -> None:
    """Spare the garbage collector what the frameworks have loaded: tests run it often, and it stays to the end."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Free what is left while the libraries are loaded: later, a model's destructor fails, and others report leaks."""
    gc.unfreeze()
    gc.collect()


def _ray_sessions() -> set[str]:
    """Return the folders of the Ray clusters that this process and its programs have started."""
    return {path.name for path in Path(os.environ["RAY_TMPDIR"]).glob("ray/session_*_*")}


@pytest.hookimpl(tryfirst=True)  # before fixtures
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Note the clusters that other tests have started."""
    item.stash[_sessions_before] = _ray_sessions()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a test that starts a Ray cluster without the marker ``cluster``."""
    result = yield
    started = _ray_sessions() - item.stash[_sessions_before]
    if started and item.get_closest_marker("cluster") is None:
        pytest.fail(f"The test starts a Ray cluster. Mark it with @pytest.mark.cluster. Sessions: {sorted(started)}")
    return result


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[Any]:
    """Start a Ray cluster of one node with 4 CPUs, for all tests of this process."""
    import ray

    from support.log_monitor import leave_out_log_monitor

    leave_out_log_monitor()
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
def spark(request: pytest.FixtureRequest, ray_cluster: Any) -> Iterator[SparkSession]:
    """Start a session with two task slots, for all tests that only use Spark."""
    from support.deployments import session_in

    with session_in(request.config.getoption("--deployment")) as session:
        yield session
