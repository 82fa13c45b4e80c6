"""A Spark standalone cluster of real daemons on this machine."""

from __future__ import annotations

import contextlib
import re
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from support.daemons import HOST, free_port, spark_daemon

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

__all__ = ["executor_processes", "standalone_cluster"]

_START_SECONDS = 90.0
_REGISTERED = re.compile("Registering worker")


@contextlib.contextmanager
def standalone_cluster(workers: int, cores: int, memory: str) -> Iterator[str]:
    """Run a master and workers in the body of a ``with``, which gets the master's URL."""
    port = free_port()
    url = f"spark://{HOST}:{port}"
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


def _daemon(folder: Path, log: Path, name: str, *arguments: str) -> AbstractContextManager[object]:
    command = [f"org.apache.spark.deploy.{name}", "--host", HOST, "--webui-port", "0", *arguments]
    return spark_daemon(command, folder, folder, log)


def executor_processes(application: str) -> list[psutil.Process]:
    """Return the executors of an application with this id."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            words = process.cmdline()
            if "org.apache.spark.executor.CoarseGrainedExecutorBackend" in words and application in words:
                found.append(process)
    return found
