"""Daemons of Spark as real processes on this machine."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
from typing import TYPE_CHECKING

from raydp._machine.installation import spark_home

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

__all__ = ["HOST", "free_port", "spark_daemon"]

HOST = "127.0.0.1"


@contextlib.contextmanager
def spark_daemon(
    arguments: Sequence[str],
    folder: Path,
    local: Path,
    log: Path,
    *,
    env: Mapping[str, str] | None = None,
    within: Sequence[str] = (),
    user: int | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a class of Spark in the body of a ``with``.

    Args:
        arguments: The class, and its arguments.
        folder: Its working folder.
        local: For the files of executors.
        log: For its standard error.
        env: More variables of its environment.
        within: A command that runs it.
        user: The Unix account that it runs as, with a group of the same number. Default: this process'.
    """
    process = subprocess.Popen(
        [*within, str(spark_home() / "bin" / "spark-class"), *arguments],
        env={
            **os.environ,
            "SPARK_HOME": str(spark_home()),
            "SPARK_SCALA_VERSION": "2.13",
            "SPARK_LOCAL_IP": HOST,
            "SPARK_LOCAL_DIRS": str(local),
            **(env or {}),
        },
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=log.open("w"),
        start_new_session=True,
        user=user,
        group=user,
        extra_groups=None if user is None else [],
    )
    try:
        yield process
    finally:
        process.terminate()  # a worker ends its executors
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """Return a port on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
