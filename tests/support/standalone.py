"""A Spark standalone cluster of real daemons on this machine."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from support.daemons import HOST, free_port, spark_daemon

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from support.hosts import Host

__all__ = ["executor_processes", "standalone_cluster"]

_START_SECONDS = 300.0
_REGISTERED = re.compile("Registering worker")
_EXECUTOR_CLASSES = frozenset(
    f"org.apache.spark.executor.{name}" for name in ("CoarseGrainedExecutorBackend", "YarnCoarseGrainedExecutorBackend")
)


@contextlib.contextmanager
def standalone_cluster(
    workers: int,
    cores: int,
    memory: str,
    *,
    settings: Mapping[str, str] | None = None,
    environments: Sequence[Mapping[str, str]] = (),
    hosts: Sequence[Host] = (),
    worker_user: int | None = None,
) -> Iterator[str]:
    """Run a master and workers in the body of a ``with``, which gets the master's URL.

    Args:
        workers: How many.
        cores: Of each worker.
        memory: Of each worker.
        settings: Spark's settings for all daemons.
        environments: What each worker, and its executors, find in their environment besides this process'.
        hosts: Where each worker runs; the master runs on the first. Default: all on this machine.
        worker_user: The Unix account of the workers, and of their executors. Default: this process'.
    """
    port = free_port()
    places = list(hosts) or [None] * workers
    everywhere = {"SPARK_DAEMON_JAVA_OPTS": " ".join(f"-D{key}={value}" for key, value in (settings or {}).items())}
    url = f"spark://{_address_of(places[0])}:{port}"
    with (
        tempfile.TemporaryDirectory(prefix="standalone-", ignore_cleanup_errors=True) as name,
        contextlib.ExitStack() as ends,
    ):
        folder = Path(name)
        if worker_user is not None:
            folder.chmod(0o711)
        log = folder / "master.log"
        ends.enter_context(_daemon(folder, log, "master.Master", "--port", str(port), host=places[0], env=everywhere))
        for number, host in enumerate(places):
            work = folder / f"work{number}" if host is None else f"/tmp/work{number}"
            options = ["--cores", str(cores), "--memory", memory, "--work-dir", str(work), url]
            variables = {**everywhere, **(environments[number] if environments else {})}
            place = folder
            if worker_user is not None:
                place = work
                work.mkdir()
                os.chown(work, worker_user, worker_user)
            worker = _daemon(
                place,
                folder / f"worker{number}.log",
                "worker.Worker",
                *options,
                host=host,
                env=variables,
                user=worker_user,
            )
            ends.enter_context(worker)
        deadline = time.monotonic() + _START_SECONDS
        while len(_REGISTERED.findall(log.read_text())) < workers:
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        yield url


def _daemon(
    folder: Path,
    log: Path,
    name: str,
    *arguments: str,
    host: Host | None,
    env: Mapping[str, str],
    user: int | None = None,
) -> AbstractContextManager[object]:
    command = [f"org.apache.spark.deploy.{name}", "--host", _address_of(host), "--webui-port", "0", *arguments]
    if host is None:
        return spark_daemon(command, folder, folder, log, env=env, user=user)
    there = {**env, "SPARK_LOCAL_IP": host.address}
    return spark_daemon(command, folder, Path("/tmp"), log, env=there, within=host.within)


def executor_processes(application: str) -> list[psutil.Process]:
    """Return the executors of an application with this id, on a standalone cluster or on YARN."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            words = process.cmdline()
            if application in words and not _EXECUTOR_CLASSES.isdisjoint(words):
                found.append(process)
    return found


def _address_of(host: Host | None) -> str:
    return HOST if host is None else host.address
