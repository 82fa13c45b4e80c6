"""The session of the tests, in each way of running Spark with Ray. ``--deployment`` chooses one."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import raydp
from support.connect_server import CLIENT_ENVIRONMENT, connect_server
from support.standalone import standalone_cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyspark.sql import SparkSession

__all__ = ["DEPLOYMENTS", "session_in"]

# These can be set in a running session, too.
_SQL_SETTINGS = {
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.session.timeZone": "America/New_York",
    "spark.sql.timeType.enabled": "true",
    "spark.sql.geospatial.enabled": "true",
}
_SETTINGS = {
    **_SQL_SETTINGS,
    "spark.ui.enabled": "false",
    "spark.log.level": "ERROR",
    # Most queries run once: what the second compiler makes of their code does not pay.
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",
    "spark.executor.extraJavaOptions": "-XX:TieredStopAtLevel=1",
}
_EXECUTORS = {"spark.executor.cores": "1", "spark.executor.memory": "500m"}


def _native() -> Iterator[SparkSession]:
    """Two executors in Ray, of one core each."""
    try:
        yield raydp.init_spark(
            "raydp tests", num_executors=2, executor_cores=1, executor_memory="600m", configs=_SETTINGS
        )
    finally:
        raydp.stop_spark()


def _attached(master: str) -> Iterator[SparkSession]:
    from pyspark.sql import SparkSession

    session = SparkSession.builder.master(master).config(map={**_SETTINGS, **_EXECUTORS}).getOrCreate()
    try:
        raydp.attach(session)
        yield session
    finally:
        session.stop()


def _local() -> Iterator[SparkSession]:
    """Spark in this process's JVM, and ``raydp.attach``."""
    yield from _attached("local[2]")


def _cluster() -> Iterator[SparkSession]:
    """A Spark standalone cluster with two workers next to Ray, and ``raydp.attach``."""
    with standalone_cluster(workers=2, cores=1, memory="600m") as master:
        yield from _attached(master)


def _standalone() -> Iterator[SparkSession]:
    """A Spark standalone cluster with two workers in Ray."""
    with raydp.start_standalone(num_workers=2, worker_cores=1, worker_memory="600m", timeout_seconds=240) as cluster:
        os.environ["PYSPARK_SUBMIT_ARGS"] = f"--properties-file {cluster.properties_file} pyspark-shell"
        yield from _attached(cluster.master_url)


def _connect() -> Iterator[SparkSession]:
    """A Spark Connect client only. The server runs tasks in its own JVM, and does not know raydp."""
    from pyspark.sql import SparkSession

    os.environ.update(CLIENT_ENVIRONMENT)
    with connect_server("local[2]") as server:
        session = SparkSession.builder.remote(server.url).config(map=_SQL_SETTINGS).getOrCreate()
        try:
            yield session
        finally:
            session.stop()


DEPLOYMENTS: dict[str, Callable[[], Iterator[SparkSession]]] = {
    "native": _native,
    "local": _local,
    "cluster": _cluster,
    "standalone": _standalone,
    "connect": _connect,
}


def session_in(deployment: str) -> contextlib.AbstractContextManager[SparkSession]:
    """Return the session for the body of a ``with``. This process must be connected to Ray."""
    return contextlib.contextmanager(DEPLOYMENTS[deployment])()
