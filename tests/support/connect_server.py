"""A Spark Connect server as a real daemon on this machine, which knows nothing of raydp."""

from __future__ import annotations

import contextlib
import socket
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from support.daemons import HOST, free_port, spark_daemon

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

__all__ = ["CLIENT_ENVIRONMENT", "ConnectServer", "connect_server"]

# gRPC's handlers of fork can hang the processes that a program starts after it has connected, such as Ray's.
CLIENT_ENVIRONMENT = {"GRPC_ENABLE_FORK_SUPPORT": "false"}

_START_SECONDS = 300.0


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
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="connect-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        events = folder / "events"
        events.mkdir()
        options = {
            "spark.ui.enabled": "false",
            "spark.connect.grpc.binding.address": HOST,
            "spark.connect.grpc.binding.port": str(port),
            "spark.eventLog.enabled": "true",
            "spark.eventLog.dir": events.as_uri(),
            "spark.eventLog.rolling.enabled": "false",
            "spark.sql.shuffle.partitions": "2",
            **{key.replace("_", "."): value for key, value in settings.items()},
        }
        command = ["org.apache.spark.deploy.SparkSubmit", "--master", master]
        for key, value in options.items():
            command += ["--conf", f"{key}={value}"]
        command += ["--class", "org.apache.spark.sql.connect.service.SparkConnectServer", "spark-internal"]
        log = folder / "server.log"
        with spark_daemon(command, folder, folder / "local", log) as process:
            _await(process, port, log)
            yield ConnectServer(f"sc://{HOST}:{port}", folder)


def _await(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)
