"""Spark in one deployment, in a process of its own, which converts when it is asked.

This file is two programs. deployments.py imports it to start the second one for each deployment, so that deployments
alternate in one run: one process can have only one Spark. The second program starts a local Ray and Spark with one
executor of one core, waits for requests, and answers with one line of JSON each.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import implementations
import ray
import ray.data
from answering import AnsweringProgram
from cases import CASES
from pyspark.sql import SparkSession

import raydp
from raydp._machine.installation import spark_home

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from types import TracebackType

    from measuring import Implementation
    from pyspark.sql import DataFrame

MEBIBYTE = 1024**2
SERVER_SECONDS = 180
# A Spark that raydp did not start: a master, a worker that offers plenty of memory, and an executor with one core.
MASTER = "local-cluster[1,1,65536]"


class Deployed(AnsweringProgram):
    """A process with Spark in one deployment. A context manager."""

    def __init__(self, deployment: str, options: argparse.Namespace) -> None:
        command = [sys.executable, __file__, deployment, "--executor-memory", options.executor_memory]
        command += ["--driver-memory", options.driver_memory, "--store-mebibytes", str(options.store_mebibytes)]
        environment = {
            **os.environ,
            "PYSPARK_PYTHON": sys.executable,
            "GRPC_ENABLE_FORK_SUPPORT": "false",  # its handlers of fork can hang processes that Ray starts
        }
        super().__init__("A deployment", command, environment, patience=120)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        # The worker of a local-cluster writes next to Spark.
        shutil.rmtree(spark_home() / "work" / self.first_answer["application"], ignore_errors=True)

    def ask_for(self, question: str, **arguments: Any) -> dict[str, Any]:
        """Send a request and return the answer."""
        return self.ask(json.dumps({"question": question, **arguments}))

    def seconds_of(self, question: str, **arguments: Any) -> Callable[[], float]:
        """Return a function that sends a request and returns the seconds that the work took there."""
        return lambda: float(self.ask_for(question, **arguments)["seconds"])


class Frames:
    """The DataFrame of one case, the Dataset of it, and what converts and sums them."""

    def __init__(self, spark: SparkSession, folder: Path) -> None:
        self._spark, self._folder = spark, folder
        self._frame: DataFrame | None = None
        self._dataset: ray.data.Dataset | None = None
        self._runs: dict[str, Callable[[], float]] = {}

    def open(self, case: str, rows: int) -> dict[str, Any]:
        """Build and cache the DataFrame, and return how much the Dataset of it holds."""
        self._frame = CASES[case].frame(self._spark, rows, self._folder)
        if CASES[case].is_cached:
            self._frame = self._frame.cache()
            self._frame.count()
        dataset = raydp.from_spark(self._frame)
        size = dataset.size_bytes()
        self._runs = _runs(implementations.from_spark(self._frame, size, self._folder))
        return {"rows": dataset.count(), "bytes": size}

    def turn(self, case: str, aggregate: str) -> dict[str, Any]:
        """Prepare to sum columns of the Dataset, and return how much they hold."""
        assert self._frame is not None
        if self._dataset is None:  # the store holds no other copy of it
            self._frame = self._frame.cache()
            self._frame.count()
            self._dataset = raydp.from_spark(self._frame)
        terms = CASES[case].aggregates()[aggregate]
        self._runs = _runs(implementations.to_spark(self._spark, self._dataset, self._frame, terms, self._folder))
        return {"bytes": implementations.column_bytes(self._dataset, list(terms))}

    def run(self, impl: str) -> dict[str, Any]:
        """Run an implementation once, and return the seconds that it took."""
        return {"seconds": self._runs[impl]()}

    def close(self) -> dict[str, Any]:
        """Drop the DataFrame and the Dataset."""
        assert self._frame is not None
        self._runs = {}
        self._dataset = None
        self._frame.unpersist(blocking=True)
        return {}


def _runs(ways: list[Implementation]) -> dict[str, Callable[[], float]]:
    return {way.name: way.run for way in ways}


def start_ray(options: argparse.Namespace) -> None:
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    ray.data.DataContext.get_current().enable_progress_bars = False
    ray.init(
        "local",
        num_cpus=2,
        object_store_memory=options.store_mebibytes * MEBIBYTE,
        include_dashboard=False,
        logging_level=logging.WARNING,
        log_to_driver=False,
    )


def settings_of(options: argparse.Namespace) -> dict[str, str]:
    return {
        "spark.driver.memory": options.driver_memory,
        "spark.driver.maxResultSize": "0",  # toArrow() collects everything in the driver
        "spark.log.level": "ERROR",
        "spark.raydp.archiveClasses": "false",
        "spark.raydp.progress": "false",
        "spark.ui.showConsoleProgress": "false",
    }


@contextmanager
def native(options: argparse.Namespace) -> Iterator[SparkSession]:
    yield raydp.init_spark("exchange benchmark", 1, 1, options.executor_memory, configs=settings_of(options))
    raydp.stop_spark()


@contextmanager
def standalone(options: argparse.Namespace) -> Iterator[SparkSession]:
    settings = settings_of(options)
    yield raydp.init_spark("exchange", 1, 1, options.executor_memory, configs=settings, deployment="standalone")
    raydp.stop_spark()


@contextmanager
def attached(options: argparse.Namespace) -> Iterator[SparkSession]:
    settings = {**settings_of(options), "spark.executor.memory": options.executor_memory}
    spark = SparkSession.builder.master(MASTER).config(map=settings).getOrCreate()
    with raydp.attach(spark):
        yield spark
    spark.stop()


@contextmanager
def connect(options: argparse.Namespace) -> Iterator[SparkSession]:
    """A client of a server that knows nothing of raydp."""
    settings = {
        **settings_of(options),
        "spark.executor.memory": options.executor_memory,
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(_free_port()),
        "spark.ui.enabled": "false",
    }
    command = [str(spark_home() / "bin" / "spark-submit"), "--master", MASTER]
    for key, value in settings.items():
        command += ["--conf", f"{key}={value}"]
    command += ["--class", "org.apache.spark.sql.connect.service.SparkConnectServer", "spark-internal"]
    log = tempfile.TemporaryFile("w+")  # noqa: SIM115  (deleted with its last descriptor)
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        port = int(settings["spark.connect.grpc.binding.port"])
        _await(server, port, log)
        spark = SparkSession.builder.remote(f"sc://127.0.0.1:{port}").config("spark.raydp.progress", "false")
        session = spark.getOrCreate()
        yield session
        session.stop()
    finally:
        server.terminate()
        server.wait(60)


DEPLOYMENTS: dict[str, Callable[[argparse.Namespace], AbstractContextManager[SparkSession]]] = {
    "native": native,
    "attached": attached,
    "standalone": standalone,
    "connect": connect,
}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await(server: subprocess.Popen[bytes], port: int, log: IO[str]) -> None:
    deadline = time.monotonic() + SERVER_SECONDS
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if server.poll() is not None or time.monotonic() > deadline:
            log.seek(0)
            said = log.read()[-4000:]
            raise SystemExit(f"Spark's Connect server has ended, or not started within {SERVER_SECONDS} s:\n{said}")
        time.sleep(0.2)


def serve(deployment: str, options: argparse.Namespace) -> None:
    """Answer requests until standard input ends."""
    start_ray(options)
    with tempfile.TemporaryDirectory(prefix="raydp-bench-") as folder, DEPLOYMENTS[deployment](options) as spark:
        frames = Frames(spark, Path(folder))
        answer: dict[str, Callable[..., dict[str, Any]]] = {
            "open": frames.open,
            "turn": frames.turn,
            "run": frames.run,
            "close": frames.close,
        }
        application = spark.conf.get("spark.app.id")
        print(json.dumps({"application": application}), flush=True)
        for line in sys.stdin:
            arguments = json.loads(line)
            print(json.dumps(answer[arguments.pop("question")](**arguments)), flush=True)
    ray.shutdown()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("deployment", choices=DEPLOYMENTS)
    parser.add_argument("--executor-memory", required=True)
    parser.add_argument("--driver-memory", required=True)
    parser.add_argument("--store-mebibytes", type=int, required=True)
    options = parser.parse_args()
    serve(options.deployment, options)


if __name__ == "__main__":
    main()
