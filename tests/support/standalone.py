"""A Spark standalone cluster of real daemons on this machine."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from raydp._machine.installation import spark_home

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["executor_processes", "standalone_cluster"]

_START_SECONDS = 90.0
_HOST = "127.0.0.1"
_REGISTERED = re.compile("Registering worker")


@contextlib.contextmanager
def standalone_cluster(workers: int, cores: int, memory: str) -> Iterator[str]:
    """Run a master and workers in the body of a ``with``, which gets the master's URL."""
    port = _free_port()
    url = f"spark://{_HOST}:{port}"
    with (
        tempfile.TemporaryDirectory(prefix="standalone-", ignore_cleanup_errors=True) as name,
        contextlib.ExitStack() as ends,
    ):
        folder = Path(name)
        log = folder / "master.log"
        ends.enter_context(_daemon(folder, log, "master.Master", "--port", str(port)))
        for number in range(workers):
            options = ["--cores", str(cores), "--memory", memory, "--work-dir", str(folder / f"work{number}")]
            ends.enter_context(_daemon(folder, folder / f"worker{number}.log", "worker.Worker", *options, url))
        deadline = time.monotonic() + _START_SECONDS
        while len(_REGISTERED.findall(log.read_text())) < workers:
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        yield url


@contextlib.contextmanager
def _daemon(folder: Path, log: Path, name: str, *arguments: str) -> Iterator[None]:
    environment = {
        **os.environ,
        "SPARK_HOME": str(spark_home()),
        "SPARK_SCALA_VERSION": "2.13",
        "SPARK_LOCAL_IP": _HOST,
        "SPARK_LOCAL_DIRS": str(folder),
    }
    command = [str(spark_home() / "bin" / "spark-class"), f"org.apache.spark.deploy.{name}"]
    process = subprocess.Popen(
        [*command, "--host", _HOST, "--webui-port", "0", *arguments],
        env=environment,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=log.open("w"),
        start_new_session=True,
    )
    try:
        yield
    finally:
        process.terminate()  # a worker ends its executors
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def executor_processes(application: str) -> list[psutil.Process]:
    """Return the executors of an application with this id."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            words = process.cmdline()
            if "org.apache.spark.executor.CoarseGrainedExecutorBackend" in words and application in words:
                found.append(process)
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])
