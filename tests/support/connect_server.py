"""A Spark Connect server as a real daemon on this machine, which knows nothing of raydp."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from raydp._machine.installation import spark_home

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CLIENT_ENVIRONMENT", "ConnectServer", "connect_server"]

# gRPC's handlers of fork can hang the processes that a program starts after it has connected, such as Ray's.
CLIENT_ENVIRONMENT = {"GRPC_ENABLE_FORK_SUPPORT": "false"}

_START_SECONDS = 120.0
_HOST = "127.0.0.1"


class ConnectServer:
    """A running server.

    Attributes:
        url: Its address for ``SparkSession.builder.remote``.
        folder: It writes its log and its event logs there.
    """

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder

    def written(self) -> str:
        """Return everything that the server and its executors have logged, and the event logs."""
        return "\n".join(path.read_text(errors="replace") for path in self.folder.rglob("*") if path.is_file())


@contextlib.contextmanager
def connect_server(master: str, **settings: str) -> Iterator[ConnectServer]:
    """Run a server in the body of a ``with``.

    Args:
        master: Where its executors run.
        settings: Spark's settings, with ``_`` for ``.``.
    """
    port = _free_port()
    with tempfile.TemporaryDirectory(prefix="connect-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        events = folder / "events"
        events.mkdir()
        options = {
            "spark.ui.enabled": "false",
            "spark.connect.grpc.binding.address": _HOST,
            "spark.connect.grpc.binding.port": str(port),
            "spark.eventLog.enabled": "true",
            "spark.eventLog.dir": events.as_uri(),
            "spark.eventLog.rolling.enabled": "false",
            "spark.sql.shuffle.partitions": "2",
            **{key.replace("_", "."): value for key, value in settings.items()},
        }
        command = [str(spark_home() / "bin" / "spark-class"), "org.apache.spark.deploy.SparkSubmit", "--master", master]
        for key, value in options.items():
            command += ["--conf", f"{key}={value}"]
        command += ["--class", "org.apache.spark.sql.connect.service.SparkConnectServer", "spark-internal"]
        log = folder / "server.log"
        process = subprocess.Popen(
            command,
            env={
                **os.environ,
                "SPARK_HOME": str(spark_home()),
                "SPARK_SCALA_VERSION": "2.13",
                "SPARK_LOCAL_IP": _HOST,
                "SPARK_LOCAL_DIRS": str(folder / "local"),
            },
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=log.open("w"),
            start_new_session=True,
        )
        try:
            _await(process, port, log)
            yield ConnectServer(f"sc://{_HOST}:{port}", folder)
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _await(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        with socket.socket() as probe:
            if probe.connect_ex((_HOST, port)) == 0:
                return
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])
