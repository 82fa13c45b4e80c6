"""The Ray actor that runs one daemon of Spark, a master or a worker, as a child process.

A child needs neither Ray's class path nor the Spark version that raydp is built for, so any Spark can run in it.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import ray
from ray.util import get_node_ip_address

from raydp._machine.folder_guard import FolderGuard
from raydp._machine.installation import raydp_jar
from raydp._ray import internals as _ray_internals
from raydp._standalone.settings import write_properties
from raydp._standalone.spark_installation import find_installation
from raydp._standalone.supervisor import Launch, Supervisor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from raydp._standalone.spark_installation import SparkInstallation

__all__ = ["DaemonSpec", "DaemonStatus", "StandaloneDaemon"]

_LOOPBACK = "127.0.0.1"
# What a program that was itself started by Spark has in its environment, and what would mislead a daemon.
_LEFT_OUT = ("PYSPARK_GATEWAY_", "_PYSPARK_", "SPARK_ENV_LOADED", "SPARK_MASTER_", "SPARK_WORKER_")
_KEPT = ("SPARK_MASTER_OPTS", "SPARK_WORKER_OPTS")


@dataclass(frozen=True, kw_only=True)
class DaemonSpec:
    """What a daemon is, on any node.

    Attributes:
        name: Of the actor and of the log.
        main_class: Of the daemon.
        arguments: What its command line has in addition to the node's address and folders.
        settings: Spark's settings, with secrets.
        has_work: Whether it runs executors.
        heap: Its own heap, as Java writes it.
        spark_home: The folder of Spark on every node; ``None``: the node's ``pyspark`` package.
    """

    name: str
    main_class: str
    arguments: tuple[str, ...]
    settings: Mapping[str, str]
    has_work: bool
    heap: str
    spark_home: str | None


@dataclass(frozen=True)
class DaemonStatus:
    """What a daemon's actor says.

    Attributes:
        node: Id of its Ray node (hex).
        host: Address of the node, on which the daemon listens.
        actor_process: Id of the actor's process.
        process: Id of the daemon's process; ``None`` while there is none.
        ports: The ports on which it listens.
        failure: Why it does not run any more.
    """

    node: str
    host: str
    actor_process: int
    process: int | None
    ports: frozenset[int]
    failure: str | None


class StandaloneDaemon:
    """Runs one daemon of Spark until its owner ends it. All that it leaves is its log, among Ray's.

    Ray restarts this actor if its process is lost, on another node if need be; the actor restarts the daemon.
    """

    def __init__(self, spec: DaemonSpec) -> None:
        installation = find_installation(spec.spark_home)
        self._host: str = get_node_ip_address()
        self._folders = _Folders(spec)
        self._guard = FolderGuard(self._folders.all)
        log = Path(_ray_internals.session_directory(), "logs", f"{spec.name}-{os.getpid()}.log")
        self._supervisor = Supervisor(
            Launch(
                command=(*installation.command(spec.main_class), *self._arguments(spec)),
                environment=_environment(spec, installation, self._host, self._folders),
                folder=self._folders.own,
                log=log,
                prepare=self._folders.prepare,
            )
        )

    def _arguments(self, spec: DaemonSpec) -> tuple[str, ...]:
        work = ("--work-dir", str(self._folders.work)) if spec.has_work else ()
        return ("--host", self._host, "--properties-file", str(self._folders.properties), *work, *spec.arguments)

    def status(self) -> DaemonStatus:
        """Return how the daemon is."""
        process = self._supervisor.process_id
        return DaemonStatus(
            node=ray.get_runtime_context().get_node_id(),
            host=self._host,
            actor_process=os.getpid(),
            process=process,
            ports=frozenset() if process is None else _listening_ports(process),
            failure=self._supervisor.failure,
        )

    def end(self) -> None:
        """End the daemon and its executors, and delete their folders."""
        self._supervisor.end()
        self._guard.delete()


def _listening_ports(process: int) -> frozenset[int]:
    try:
        found = psutil.Process(process).net_connections("tcp")
    except psutil.Error:  # it has ended
        return frozenset()
    return frozenset(one.laddr.port for one in found if one.status == psutil.CONN_LISTEN)


class _Folders:
    """The private folders of a daemon: one where its files are, and one on each disk that Spark is to use."""

    def __init__(self, spec: DaemonSpec) -> None:
        self.own = Path(tempfile.mkdtemp(prefix=f"{spec.name}-"))
        self.work = self.own / "work"
        self.properties = self.own / "spark.conf"
        write_properties(self.properties, spec.settings)
        disks = os.environ.get("SPARK_LOCAL_DIRS") or spec.settings.get("spark.local.dir") or ""
        places = [Path(name) for name in disks.split(",") if name] if spec.has_work else []
        self.local = [Path(tempfile.mkdtemp(prefix=f"{spec.name}-", dir=place)) for place in places] or [
            self.own / "local"
        ]
        self.all = list(dict.fromkeys([self.own, *self.local]))

    def prepare(self) -> None:
        """Delete what the executors of a daemon that has ended have left."""
        for folder in (self.work, *self.local):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o700, parents=True)


def _environment(spec: DaemonSpec, installation: SparkInstallation, host: str, folders: _Folders) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name in _KEPT or not name.startswith(_LEFT_OUT)}
    filters = [str(raydp_jar())] if installation.has_token_filter else []
    return {
        **inherited,
        **installation.environment(),
        # Where the UI listens. Without a token, only this machine reaches it.
        "SPARK_LOCAL_IP": host if installation.has_token_filter else _LOOPBACK,
        # Otherwise Spark asks the name service for a name of the address, which can take many seconds.
        "SPARK_LOCAL_HOSTNAME": host,
        "SPARK_PUBLIC_DNS": host,
        "SPARK_LOCAL_DIRS": ",".join(map(str, folders.local)),
        "SPARK_DAEMON_MEMORY": os.environ.get("SPARK_DAEMON_MEMORY", spec.heap),
        "SPARK_DAEMON_CLASSPATH": os.pathsep.join(filter(None, [*filters, os.environ.get("SPARK_DAEMON_CLASSPATH")])),
        # Executors run their Python workers with the first python3, which is then the one of Ray's workers.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
    }
