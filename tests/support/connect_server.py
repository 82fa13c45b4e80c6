"""A Spark Connect server as a real daemon on this machine, which knows nothing of raydp."""

from __future__ import annotations

import contextlib
import json
import socket
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from support.daemons import HOST, free_port, spark_daemon

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Mapping

__all__ = ["CLIENT_ENVIRONMENT", "ConnectServer", "connect_server", "running_jobs"]

# gRPC's handlers of fork can hang the processes that a program starts after it has connected, such as Ray's.
CLIENT_ENVIRONMENT = {"GRPC_ENABLE_FORK_SUPPORT": "false"}

_START_SECONDS = 300.0
_ANSWER_SECONDS = 60.0


class ConnectServer:
    """A running server.

    Attributes:
        url: Its address for ``SparkSession.builder.remote``.
        ui: The address of Spark's UI, if it has one.
        folder: It writes its log and its event logs there.
        process: The process.
    """

    def __init__(self, url: str, ui: str, folder: Path, process: subprocess.Popen[bytes]) -> None:
        self.url = url
        self.ui = ui
        self.folder = folder
        self.process = process

    def written(self) -> str:
        """Return everything that the server and its executors have logged, and the event logs."""
        return "\n".join(path.read_text(errors="replace") for path in self.folder.rglob("*") if path.is_file())


def running_jobs(ui: str) -> list[str]:
    """Return the names of the jobs that a server runs now."""
    with urllib.request.urlopen(f"{ui}/api/v1/applications", timeout=_ANSWER_SECONDS) as answer:
        (application,) = json.load(answer)
    jobs = f"{ui}/api/v1/applications/{application['id']}/jobs?status=running"
    with urllib.request.urlopen(jobs, timeout=_ANSWER_SECONDS) as answer:
        return [str(job["name"]) for job in json.load(answer)]


@contextlib.contextmanager
def connect_server(
    master: str, *, ui: bool = False, environment: Mapping[str, str] | None = None, **settings: str
) -> Iterator[ConnectServer]:
    """Run a server in the body of a ``with``.

    Args:
        master: Where its executors run.
        ui: Whether it has Spark's UI.
        environment: More variables of its environment.
        settings: Spark's settings, with ``_`` for ``.``.
    """
    port, ui_port = free_port(), free_port()
    with tempfile.TemporaryDirectory(prefix="connect-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        events = folder / "events"
        events.mkdir()
        options = {
            "spark.ui.enabled": str(ui).lower(),
            "spark.ui.port": str(ui_port),
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
        with spark_daemon(command, folder, folder / "local", log, env=environment) as process:
            _await(process, port, log)
            yield ConnectServer(f"sc://{HOST}:{port}", f"http://{HOST}:{ui_port}", folder, process)


def _await(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)
